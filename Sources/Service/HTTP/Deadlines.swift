import Foundation
import NIOCore
import NIOHTTP1

/// What one connection is doing, shared by its two handlers on one event loop.
final class ConnectionClock {
  enum Phase: Equatable { case idle, header, body, answering }

  var phase = Phase.idle
  var since = NIODeadline.now()
  /// Bytes of the request line seen before its LF; `nil` once it has ended.
  var lineBytes: Int? = 0

  /// Seconds during which the server wanted body bytes, and what came.
  var bodySeconds = 0.0
  var bodyBytes = 0
  var wantsBytes = false

  /// Bytes handed to the socket and taken by it since the backlog was last empty.
  var backlogSince: NIODeadline?
  var backlogBytes = 0
  var takenBytes = 0

  func enter(_ phase: Phase) {
    self.phase = phase
    since = .now()
    bodySeconds = 0
    bodyBytes = 0
  }

  func seconds(since start: NIODeadline) -> Double {
    Double((NIODeadline.now() - start).nanoseconds) / 1e9
  }
}

/// Next to the socket: counts bytes both ways and the length of the request line.
final class ByteMeter: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct RequestLineTooLong: Error {}

  /// Large writes are cut, so that what a slow reader has taken is known piece by piece.
  static let piece = 16 << 10

  private let clock: ConnectionClock
  private let lineLimit: Int

  init(clock: ConnectionClock, lineLimit: Int) {
    self.clock = clock
    self.lineLimit = lineLimit
  }

  func read(context: ChannelHandlerContext) {
    clock.wantsBytes = true
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    clock.wantsBytes = false
    clock.bodyBytes += bytes.readableBytes
    if clock.phase == .idle { clock.enter(.header) }
    if let seen = clock.lineBytes {
      let line = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
      let count = line.map { $0 - bytes.readerIndex } ?? bytes.readableBytes
      // A CR before the LF does not count.
      if seen + count > lineLimit + 1 {
        context.fireErrorCaught(RequestLineTooLong())
        return
      }
      clock.lineBytes = line == nil ? seen + count : nil
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    var bytes = unwrapOutboundIn(data)
    while bytes.readableBytes > Self.piece, let piece = bytes.readSlice(length: Self.piece) {
      send(piece, context, nil)
    }
    send(bytes, context, promise)
  }

  private func send(
    _ bytes: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
  ) {
    let promise = promise ?? context.eventLoop.makePromise()
    let clock = clock
    let count = bytes.readableBytes
    if clock.backlogSince == nil { clock.backlogSince = .now() }
    clock.backlogBytes += count
    promise.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
      clock.backlogBytes -= count
      clock.takenBytes += count
      if clock.backlogBytes == 0 {
        clock.backlogSince = nil
        clock.takenBytes = 0
      }
    }
    context.write(wrapOutboundOut(bytes), promise: promise)
  }
}

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
  private var unanswered = 0
  /// Whether the last head's request has not ended yet.
  private var receiving = false
  /// What is wrong with the bytes behind requests that are still owed their answers.
  private var owed: Problem?
  private var responseStarted = false
  private var refused = false
  private var quiescing = false

  init(
    limits: ServerLimits, clock: ConnectionClock, observe: @escaping @Sendable (Problem) -> Void
  ) {
    self.limits = limits
    self.clock = clock
    self.observe = observe
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
      if let problem = fault(of: head) { return refuseInTurn(context, problem) }
      unanswered += 1
      receiving = true
    case .body: break
    case .end:
      receiving = false
      clock.lineBytes = 0
      clock.enter(unanswered > 0 ? .answering : .idle)
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !refused, owed == nil else { return }
    switch error {
    case is ByteMeter.RequestLineTooLong:
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
      unanswered -= 1
      context.writeAndFlush(wrapOutboundOut(.end(trailers)), promise: promise)
      if let owed {
        self.owed = nil
        refuseInTurn(context, owed)
      }
      if clock.phase == .answering { clock.enter(.idle) }
      if quiescing && unanswered == 0 { context.close(promise: nil) }
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard event is ChannelShouldQuiesceEvent else {
      return context.fireUserInboundEventTriggered(event)
    }
    quiescing = true
    if unanswered == 0 { context.close(promise: nil) }
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
    if !codings.isEmpty, codings != ["chunked"] {
      return Problem(.notImplemented, "the only transfer coding is chunked")
    }
    if !codings.isEmpty, head.headers.contains(name: "Content-Length") {
      return Problem(.malformedRequest, "Content-Length and Transfer-Encoding exclude each other")
    }
    return nil
  }

  /// Refuses what has come once every request before it has its answer.
  private func refuseInTurn(_ context: ChannelHandlerContext, _ problem: Problem) {
    let before = unanswered - (receiving ? 1 : 0)
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
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
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
    if let start = clock.backlogSince {
      let seconds = clock.seconds(since: start) - deadlines.grace
      if Double(clock.takenBytes) < seconds * deadlines.minimumRate {
        return context.close(promise: nil)
      }
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
      if clock.bodySeconds > deadlines.grace,
        Double(clock.bodyBytes) < (clock.bodySeconds - deadlines.grace) * deadlines.minimumRate
      {
        refuse(
          context,
          Problem(
            .requestTimeout,
            "a body must arrive at \(Int(deadlines.minimumRate)) bytes per second or faster"))
      }
    default: break
    }
  }
}
