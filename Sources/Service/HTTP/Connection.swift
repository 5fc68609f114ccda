import Foundation
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One HTTP/1.1 connection: requests in order, each answered in full before the next is read.
struct Connection: ServerChildChannel {
  typealias Answer = HTTPPart<HTTPResponseHead, ByteBuffer>
  typealias Value = NIOAsyncChannel<HTTPServerRequestPart, Answer>

  let limits: ServerLimits
  let peers: PeerCount
  let respond: @Sendable (Request) async -> Response
  let observe: @Sendable (Problem) -> Void

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let peer = channel.remoteAddress?.ipAddress ?? "local"
      let isWelcome = peers.enter(peer)
      if isWelcome { channel.closeFuture.whenComplete { _ in peers.leave(peer) } }
      try Self.boundBuffers(channel)
      let pipeline = channel.pipeline.syncOperations
      let clock = ConnectionClock()
      var decoder = NIOHTTPDecoderLimitConfiguration()
      // The decoder counts the target among the header bytes; ConnectionGuard tells them apart.
      decoder.maxHeaderFieldSize = limits.headerBytes + limits.requestLine
      decoder.maxHeaderListSize = limits.headerBytes + limits.requestLine
      decoder.maxHeaderFieldCount = limits.headerFields + 1
      try pipeline.addHandler(DepartureWatch())
      try pipeline.addHandler(ByteMeter(clock: clock))
      try pipeline.addHandler(RequestPacer(clock: clock, limits: limits))
      try pipeline.configureHTTPServerPipeline(
        withPipeliningAssistance: false, withErrorHandling: false,
        withOutboundHeaderValidation: true, withEncoderConfiguration: .init(),
        withDecoderLimitConfiguration: decoder)
      try pipeline.addHandler(
        ConnectionGuard(
          limits: limits, clock: clock, unwelcome: isWelcome ? nil : Self.tooManyConnections,
          observe: observe))
      return try NIOAsyncChannel(
        wrappingChannelSynchronously: channel,
        configuration: .init(isOutboundHalfClosureEnabled: true))
    }
  }

  private static let tooManyConnections = Problem(
    .overloaded, "too many connections are open; try again shortly", headers: ["Retry-After": "5"])

  /// Bytes of an answer that are handed to the channel at once.
  private static let piece = 8 << 10

  /// What one client that does not read can make us and the kernel hold.
  private static func boundBuffers(_ channel: any Channel) throws {
    let options = channel.syncOptions
    try options?.setOption(.writeBufferWaterMark, value: .init(low: piece / 2, high: piece))
    // Unlike a fixed SO_SNDBUF this does not slow a distant client down: it bounds only what has not been sent.
    let unsentLimit = NIOBSDSocket.Option(rawValue: 25)  // TCP_NOTSENT_LOWAT
    try options?.setOption(.tcpOption(unsentLimit), value: 128 << 10)
  }

  func handle(value channel: Value, logger: Logger) async {
    let loop = channel.channel.eventLoop
    let watch = try? await channel.channel.pipeline.handler(type: DepartureWatch.self).get()
    do {
      try await channel.executeThenClose { inbound, outbound in
        let parts = RequestParts(inbound.makeAsyncIterator(), watch?.departure)
        while case .head(let head)? = try await parts.next() {
          guard try await exchange(head, parts, AnswerWriter(outbound, loop)) else { break }
        }
        outbound.finish()
        try await parts.drain()
      }
    } catch {
      logger.trace("connection ended: \(error)")
    }
  }

  /// - Returns: whether the connection can take another request.
  private func exchange(
    _ head: HTTPRequestHead, _ parts: RequestParts, _ outbound: AnswerWriter
  ) async throws -> Bool {
    var headers = Headers()
    for field in head.headers { headers.add(field.name, field.value) }
    var invite: (@Sendable () async throws -> Void)?
    let isChunked = headers["Transfer-Encoding"] != nil
    let length = isChunked ? nil : headers["Content-Length"].flatMap { Int($0) } ?? 0
    // RFC 9110 10.1.1: not to HTTP/1.0, and not where there is nothing to continue with.
    if head.version.minor > 0, length != 0,
      headers.list("Expect").contains(where: { $0.lowercased() == "100-continue" })
    {
      invite = {
        do {
          try await outbound.write(.head(HTTPResponseHead(version: .http1_1, status: .continue)))
        } catch {
          throw Problem(.malformedRequest, "the connection was closed early")
        }
      }
    }
    // RFC 9112 7.2: the authority of an absolute target counts, whatever Host says.
    let absolute = AbsoluteForm(head.uri)
    if let absolute { headers["Host"] = absolute.authority }
    parts.begin(length: length, invite: invite)
    let response = await answer(head, absolute?.target ?? head.uri, headers, parts)
    // Body bytes that nobody read stand between us and the next request. HTTP/1.0 knows no chunks: where they are used
    // all the same, nobody knows what follows (RFC 9112 6.1).
    let isCertain = head.version.minor > 0 || !isChunked
    let reusable = head.isKeepAlive && head.method != .CONNECT && parts.isAtEnd && isCertain
    try await send(response, to: head, closing: !reusable, outbound)
    return reusable
  }

  private func answer(
    _ head: HTTPRequestHead, _ target: String, _ headers: Headers, _ parts: RequestParts
  ) async -> Response {
    let id = Request.acceptableID(headers["X-Request-Id"]) ?? Request.makeID()
    let body = RequestBody(declaredLength: parts.length) { try await parts.nextBody() }
    do {
      var request = try Request(
        id: id, method: head.method.rawValue, target: target, headers: headers,
        body: body)
      request.departure = parts.departure
      var response = await respond(request)
      // A request without a body ends with a part that is already here.
      if parts.length == 0 { try await parts.finish() }
      response.headers["X-Request-Id"] = id
      return response
    } catch let problem as Problem {
      observe(problem)
      if parts.length == 0 { try? await parts.finish() }
      var response = problem.response(requestID: id, instance: nil)
      response.headers["X-Request-Id"] = id
      return response
    } catch {
      return Problem(.malformedRequest, "the request ended early")
        .response(requestID: id, instance: nil)
    }
  }

  private func send(
    _ response: Response, to head: HTTPRequestHead, closing: Bool, _ outbound: AnswerWriter
  ) async throws {
    var fields = HTTPHeaders()
    for field in response.headers.fields { fields.add(name: field.name, value: field.value) }
    let hasBody = response.status != 204 && response.status != 304
    if hasBody { fields.replaceOrAdd(name: "Content-Length", value: "\(response.length)") }
    fields.replaceOrAdd(name: "Date", value: HTTPDate.now())
    fields.replaceOrAdd(name: "X-Content-Type-Options", value: "nosniff")
    if !fields.contains(name: "Cache-Control") {
      fields.add(name: "Cache-Control", value: "no-cache")
    }
    if closing {
      fields.replaceOrAdd(name: "Connection", value: "close")
    } else if head.version.minor == 0 {
      fields.replaceOrAdd(name: "Connection", value: "keep-alive")
    }
    try await outbound.write(
      .head(
        HTTPResponseHead(
          version: .http1_1, status: .init(statusCode: response.status), headers: fields)))
    if head.method != .HEAD, hasBody {
      switch response.body {
      case .data(let data):
        for start in stride(from: data.startIndex, to: data.endIndex, by: Self.piece) {
          try await outbound.write(
            .body(ByteBuffer(bytes: data[start...].prefix(Self.piece))))
        }
      case .file(let file, let offset, let length):
        try await send(file, offset, length, outbound)
      }
    }
    try await outbound.write(.end(nil))
  }

  private func send(
    _ file: OpenFile, _ offset: Int, _ length: Int, _ outbound: AnswerWriter
  ) async throws {
    var position = offset
    while position < offset + length {
      let from = position
      let count = min(Self.piece, offset + length - position)
      let chunk = try await NIOThreadPool.singleton.runIfActive {
        try file.read(at: from, count: count)
      }
      // Shorter than promised: only closing tells the client.
      guard chunk.readableBytes > 0 else { throw ChannelError.eof }
      try await outbound.write(.body(chunk))
      position += chunk.readableBytes
    }
  }
}

/// Writes the parts of answers, each one only when the socket has room. NIO's writer learns of a full channel a turn of
/// the event loop late, and by then a fast handler has written megabytes.
struct AnswerWriter: Sendable {
  private let outbound: NIOAsyncChannelOutboundWriter<Connection.Answer>
  private let loop: any EventLoop

  init(_ outbound: NIOAsyncChannelOutboundWriter<Connection.Answer>, _ loop: any EventLoop) {
    self.outbound = outbound
    self.loop = loop
  }

  func write(_ part: Connection.Answer) async throws {
    try await outbound.write(part)
    if case .body = part { try await loop.submit {}.get() }
  }
}

extension OpenFile {
  fileprivate func read(at offset: Int, count: Int) throws -> ByteBuffer {
    var buffer = ByteBuffer()
    try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
      var got = pread(descriptor, bytes.baseAddress, count, off_t(offset))
      while got < 0, errno == EINTR {
        got = pread(descriptor, bytes.baseAddress, count, off_t(offset))
      }
      guard got >= 0 else { throw OpenFile.Unreadable(errno: errno) }
      return got
    }
    return buffer
  }
}

/// The parts of one connection, taken by one task at a time: first the connection's loop, then the
/// handler that reads the body, then the loop again.
final class RequestParts: @unchecked Sendable {
  private var iterator: NIOAsyncChannelInboundStream<HTTPServerRequestPart>.AsyncIterator
  private var invite: (@Sendable () async throws -> Void)?
  private(set) var length: Int?
  private(set) var isAtEnd = true
  let departure: Departure?

  init(
    _ iterator: NIOAsyncChannelInboundStream<HTTPServerRequestPart>.AsyncIterator,
    _ departure: Departure?
  ) {
    self.iterator = iterator
    self.departure = departure
  }

  func next() async throws -> HTTPServerRequestPart? { try await iterator.next() }

  func begin(length: Int?, invite: (@Sendable () async throws -> Void)?) {
    self.length = length
    self.invite = invite
    isAtEnd = false
  }

  func nextBody() async throws -> Data? {
    if isAtEnd { return nil }
    if let invite {
      self.invite = nil
      try await invite()
    }
    let early = Problem(.malformedRequest, "the request ended early")
    switch try await iterator.next() {
    case .body(let bytes)?: return Data(bytes.readableBytesView)
    case .end?:
      isAtEnd = true
      return nil
    case .head?, nil: throw early
    }
  }

  func finish() async throws {
    while try await nextBody() != nil {}
  }

  /// Takes what a client still sends after its answer, within reason, so that the answer is not
  /// lost to a connection reset.
  func drain() async throws {
    var left = 16 << 20
    while left > 0, let part = try await iterator.next() {
      if case .body(let bytes) = part { left -= bytes.readableBytes }
    }
  }
}

/// Open connections, in all and per peer.
final class PeerCount: Sendable {
  private struct Counts {
    var total = 0
    var perPeer: [String: Int] = [:]
  }

  private let counts = Mutex(Counts())
  private let limits: ServerLimits

  init(_ limits: ServerLimits) { self.limits = limits }

  /// - Returns: whether the peer may have this connection; if so, `leave` must follow.
  func enter(_ peer: String) -> Bool {
    counts.withLock { counts in
      guard counts.total < limits.connections,
        counts.perPeer[peer, default: 0] < limits.connectionsPerPeer
      else { return false }
      counts.total += 1
      counts.perPeer[peer, default: 0] += 1
      return true
    }
  }

  func leave(_ peer: String) {
    counts.withLock { counts in
      counts.total -= 1
      counts.perPeer[peer, default: 1] -= 1
      if counts.perPeer[peer] == 0 { counts.perPeer[peer] = nil }
    }
  }
}
