import NIOCore
import NIOHTTP1

/// Above the HTTP codec: header limits, deadlines, minimum rates, and problem+json for whatever
/// goes wrong before a handler is asked. Hummingbird and NIO set none of these by themselves.
final class ConnectionGuard: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPPart<HTTPResponseHead, ByteBuffer>
  typealias OutboundOut = HTTPServerResponsePart

  private let limits: ServerLimits
  private let clock: ConnectionClock
  private let observe: @Sendable (Problem) -> Void
  private var tick: RepeatedTask?
  private var pace: ReadingPace
  private var body: ByteBuffer?
  /// Whether the last head's request has not ended yet.
  private var receiving = false
  /// What is wrong with the bytes behind requests that are still owed their answers.
  private var owed: Problem?
  private var responseStarted = false
  private var refused = false
  private var quiescing = false
  private var isHead = false
  /// Why the connection is not served at all.
  private let unwelcome: Problem?

  init(
    limits: ServerLimits, clock: ConnectionClock, unwelcome: Problem?,
    observe: @escaping @Sendable (Problem) -> Void
  ) {
    self.limits = limits
    self.clock = clock
    self.unwelcome = unwelcome
    self.observe = observe
    pace = ReadingPace(
      window: limits.deadlines.readingWindow, rate: limits.deadlines.minimumRate)
  }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    if let unwelcome { refuse(context, unwelcome) }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    tick = context.eventLoop.scheduleRepeatedTask(
      initialDelay: .milliseconds(500), delay: .milliseconds(500)
    ) { _ in
      let (guardian, context) = loopBound.value
      guardian.check(context)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { tick?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    tick?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !refused, owed == nil else { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      clock.enter(.body)
      isHead = head.method == .HEAD
      // Behind CONNECT the parser expects a tunnel.
      clock.isLast = !head.isKeepAlive || head.method == .CONNECT
      if let problem = fault(of: head) { return refuseInTurn(context, problem) }
      clock.unanswered += 1
      clock.bodyRemaining = bodyLength(head)
      receiving = true
      context.fireChannelRead(data)
    case .body(var bytes):
      if body == nil { body = bytes } else { body?.writeBuffer(&bytes) }
      if body?.readableBytes ?? 0 >= Self.bodyPiece { passBody(context) }
    case .end:
      receiving = false
      clock.expectsRequestLine = true
      clock.bodyRemaining = nil
      clock.enter(clock.unanswered > 0 ? .answering : .idle)
      passBody(context)
      context.fireChannelRead(data)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    passBody(context)
    context.fireChannelReadComplete()
  }

  /// A body in chunks of one byte each is still handled in large pieces.
  private static let bodyPiece = 64 << 10

  private func passBody(_ context: ChannelHandlerContext) {
    guard let bytes = body else { return }
    body = nil
    context.fireChannelRead(wrapInboundOut(.body(bytes)))
  }

  /// - Returns: `nil` for a chunked body
  private func bodyLength(_ head: HTTPRequestHead) -> Int? {
    if head.headers.contains(name: "Transfer-Encoding") { return nil }
    return head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !refused, owed == nil else { return }
    switch error {
    case is RequestPacer.RequestLineTooLong:
      refuseInTurn(
        context,
        Problem(.targetTooLong, "the request line is limited to \(limits.requestLine) bytes"))
    case HTTPParserError.headerOverflow: refuseInTurn(context, headersTooLarge)
    // Bytes behind `Connection: close`: nobody waits for an answer to them.
    case HTTPParserError.closedConnection: break
    case let error as HTTPParserError:
      refuseInTurn(
        context,
        Problem(.malformedRequest, "not a valid HTTP/1.1 request: \(error.debugDescription)"))
    default:
      context.fireErrorCaught(error)
      context.close(promise: nil)
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      responseStarted = head.status.code >= 200
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .body(let bytes):
      context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
    case .end(let trailers):
      responseStarted = false
      clock.unanswered -= 1
      context.writeAndFlush(wrapOutboundOut(.end(trailers)), promise: promise)
      if clock.phase == .answering, clock.unanswered == 0 {
        clock.enter(clock.hasHeaderBegun ? .header : .idle)
      }
      if let owed {
        self.owed = nil
        refuseInTurn(context, owed)
      }
      if quiescing && clock.unanswered == 0 { return context.close(promise: nil) }
      clock.answered?()
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard event is ChannelShouldQuiesceEvent else {
      return context.fireUserInboundEventTriggered(event)
    }
    quiescing = true
    if clock.unanswered == 0 { context.close(promise: nil) }
  }

  private var headersTooLarge: Problem {
    Problem(
      .headersTooLarge,
      "header fields are limited to \(limits.headerBytes) bytes and \(limits.headerFields) fields")
  }

  /// What HTTP/1.1 forbids and the parser lets through, and what our limits forbid.
  private func fault(of head: HTTPRequestHead) -> Problem? {
    if head.method.rawValue.utf8.count + head.uri.utf8.count + 10 > limits.requestLine {
      return Problem(
        .targetTooLong, "the request line is limited to \(limits.requestLine) bytes")
    }
    let bytes = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
    if bytes > limits.headerBytes || head.headers.count > limits.headerFields {
      return headersTooLarge
    }
    guard head.version.major == 1 else {
      return Problem(.malformedRequest, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    }
    let hosts = head.headers["Host"].count
    if hosts > 1 || (hosts == 0 && head.version.minor > 0) {
      return Problem(.malformedRequest, "exactly one Host field is required")
    }
    if let host = head.headers["Host"].first, !host.isEmpty, Authority(host) == nil {
      return Problem(
        .malformedRequest, "Host must be a host name or address, with a port or without")
    }
    if !head.uri.hasPrefix("/"), head.uri != "*", head.method != .CONNECT,
      AbsoluteForm(head.uri) == nil
    {
      return Problem(
        .malformedRequest, "the request target must be a path or a whole http address")
    }
    let codings = head.headers[canonicalForm: "Transfer-Encoding"].map { $0.lowercased() }
    if head.headers.contains(name: "Transfer-Encoding"), codings != ["chunked"] {
      return Problem(.notImplemented, "the only transfer coding is chunked")
    }
    if !codings.isEmpty, head.headers.contains(name: "Content-Length") {
      return Problem(.malformedRequest, "Content-Length and Transfer-Encoding exclude each other")
    }
    return nil
  }

  /// Refuses what has come once every request before it has its answer.
  private func refuseInTurn(_ context: ChannelHandlerContext, _ problem: Problem) {
    let before = clock.unanswered - (receiving ? 1 : 0)
    if before < 0 {
      // The request that broke has been answered already.
      refused = true
      context.close(promise: nil)
    } else if before == 0 {
      refuse(context, problem)
    } else {
      owed = problem
    }
  }

  /// Answers once for the whole connection, then closes it.
  private func refuse(_ context: ChannelHandlerContext, _ problem: Problem) {
    refused = true
    observe(problem)
    guard !responseStarted else { return context.close(promise: nil) }
    let id = Request.makeID()
    let body = problem.body(requestID: id, instance: nil)
    var headers = HTTPHeaders([
      ("X-Request-Id", id),
      ("Content-Type", "application/problem+json"), ("Content-Length", "\(body.count)"),
      ("Connection", "close"), ("X-Content-Type-Options", "nosniff"), ("Date", HTTPDate.now()),
    ])
    for field in problem.headers.fields { headers.add(name: field.name, value: field.value) }
    let head = HTTPResponseHead(
      version: .http1_1, status: .init(statusCode: problem.kind.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !isHead {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    }
    let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolatedUnsafeUnchecked().whenComplete {
      _ in
      let context = loopBound.value
      // Closing with bytes unread would make the kernel reset the connection and lose the answer.
      context.channel.close(mode: .output, promise: nil)
      context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: .milliseconds(500)) {
        context.close(promise: nil)
      }
    }
  }

  private func check(_ context: ChannelHandlerContext) {
    let deadlines = limits.deadlines
    let now = Double(NIODeadline.now().uptimeNanoseconds) / 1e9
    if let acknowledged = TCPProgress.acknowledgedBytes(context.channel),
      pace.isTooSlow(at: now, sent: clock.sentBytes, acknowledged: acknowledged)
    {
      return context.close(promise: nil)
    }
    guard !refused else { return }
    switch clock.phase {
    case .idle where clock.seconds(since: clock.since) > deadlines.idle:
      context.close(promise: nil)
    case .header where clock.seconds(since: clock.since) > deadlines.header:
      refuse(
        context,
        Problem(.requestTimeout, "header fields must arrive within \(deadlines.header) s"))
    case .body where clock.wantsBytes:
      clock.bodySeconds += 0.5
      if isTooSlow(after: deadlines.grace, deadlines.minimumRate) {
        refuseSlowBody(context, deadlines.minimumRate)
      } else if isTooSlow(after: deadlines.patience, deadlines.steadyRate) {
        refuseSlowBody(context, deadlines.steadyRate)
      }
    default: break
    }
  }

  private func isTooSlow(after grace: Double, _ rate: Double) -> Bool {
    Double(clock.bodyBytes) < (clock.bodySeconds - grace) * rate
  }

  private func refuseSlowBody(_ context: ChannelHandlerContext, _ rate: Double) {
    refuse(
      context,
      Problem(.requestTimeout, "a body must arrive at \(Int(rate)) bytes per second or faster"))
  }
}
