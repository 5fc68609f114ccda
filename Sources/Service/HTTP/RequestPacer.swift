import NIOCore

/// In front of the parser: gives it the bytes of a header line by line, and none at all while enough requests wait for
/// their answers. So a client that pipelines a thousand requests costs us their bytes, not a thousand parsed requests,
/// and where one request ends and the next begins is known exactly.
final class RequestPacer: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer

  struct RequestLineTooLong: Error {}

  /// Requests that are parsed before the first of them is answered.
  static let ahead = 2

  private let clock: ConnectionClock
  /// In bytes, without the line end.
  private let requestLine: Int
  private let longestLine: Int
  private var held = ByteBuffer()
  private var wantsRead = false
  private var inputClosed = false
  private var isFeeding = false

  init(clock: ConnectionClock, limits: ServerLimits) {
    self.clock = clock
    requestLine = limits.requestLine
    longestLine = max(limits.requestLine, limits.headerBytes) + 2
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    clock.answered = {
      let (pacer, context) = loopBound.value
      guard pacer.held.readableBytes > 0 else { return }
      context.eventLoop.execute {
        let (pacer, context) = loopBound.value
        pacer.feed(context)
        context.fireChannelReadComplete()
      }
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { clock.answered = nil }

  func read(context: ChannelHandlerContext) {
    if isBlocked { wantsRead = true } else { context.read() }
  }

  /// Whether bytes wait for answers, not for the rest of their line.
  private var isBlocked: Bool {
    held.readableBytes > 0 && clock.phase != .body && clock.unanswered >= Self.ahead
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    if held.readableBytes == 0 { held = bytes } else { held.writeBuffer(&bytes) }
    feed(context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // The end comes after the bytes before it.
    if case .inputClosed? = event as? ChannelEvent, held.readableBytes > 0 {
      inputClosed = true
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  private func feed(_ context: ChannelHandlerContext) {
    guard !isFeeding else { return }
    isFeeding = true
    while !isBlocked, let piece = next() {
      if clock.phase != .body {
        // Nothing behind the last request is answered (RFC 9112 9.6).
        if clock.isLast { continue }
        guard isWithinLine(piece) else {
          held.clear()
          context.fireErrorCaught(RequestLineTooLong())
          break
        }
        if clock.phase == .idle, clock.hasHeaderBegun { clock.enter(.header) }
        if HeaderLine.isUpgrade(piece) { continue }
        context.fireChannelRead(wrapInboundOut(HeaderLine.trimmed(piece)))
      } else {
        context.fireChannelRead(wrapInboundOut(piece))
      }
    }
    isFeeding = false
    clock.hasPartialLine = held.readableBytes > 0
    if clock.phase == .idle, clock.hasHeaderBegun { clock.enter(.header) }
    guard !isBlocked else { return }
    if held.readableBytes == 0 { held = ByteBuffer() }
    if inputClosed {
      inputClosed = false
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
    if wantsRead {
      wantsRead = false
      context.read()
    }
  }

  /// The next whole line, or of a body what is there of it, as far as its length is known.
  private func next() -> ByteBuffer? {
    guard held.readableBytes > 0 else { return nil }
    if clock.phase == .body {
      let count = min(held.readableBytes, clock.bodyRemaining ?? held.readableBytes)
      if count > 0 {
        clock.bodyRemaining = clock.bodyRemaining.map { $0 - count }
        return held.readSlice(length: count)
      }
    }
    let bytes = held.readableBytesView
    if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
      return held.readSlice(length: end + 1 - bytes.startIndex)
    }
    // What is longer than any line may be goes on as it is, to be refused.
    let longest = clock.expectsRequestLine ? requestLine + 1 : longestLine
    return held.readableBytes > longest ? held.readSlice(length: held.readableBytes) : nil
  }

  private func isWithinLine(_ piece: ByteBuffer) -> Bool {
    // Empty lines before a request are none of it (RFC 9112 2.2).
    if !clock.expectsRequestLine || piece.readableBytesView.allSatisfy({ $0 == 13 || $0 == 10 }) {
      return true
    }
    clock.expectsRequestLine = false
    let ends = piece.readableBytesView.last == UInt8(ascii: "\n")
    // A CR before the LF does not count.
    return piece.readableBytes - (ends ? 1 : 0) <= requestLine + 1
  }
}

/// What the parser gets wrong about a header line, put right before it.
enum HeaderLine {
  /// The parser takes what follows an `Upgrade` for another protocol. We speak no other, and may pass over the field
  /// (RFC 9110 7.8); Java's client sends it with every first request.
  static func isUpgrade(_ line: ByteBuffer) -> Bool {
    line.readableBytesView.prefix(8).elementsEqual("upgrade:".utf8) { $0 | 0x20 == $1 | 0x20 }
  }

  /// The line without the blanks around its value: the parser takes tabs there for part of lengths and codings
  /// (RFC 9110 5.5).
  static func trimmed(_ line: ByteBuffer) -> ByteBuffer {
    let bytes = line.readableBytesView
    guard bytes.suffix(2).elementsEqual([13, 10]), bytes.first.map({ !isBlank($0) }) == true,
      let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
    else { return line }
    let value = bytes[(colon + 1)...].dropLast(2)
    guard value.first == 9 || value.last.map(isBlank) == true,
      let first = value.firstIndex(where: { !isBlank($0) }),
      let last = value.lastIndex(where: { !isBlank($0) })
    else { return line }
    var result = ByteBuffer()
    result.writeBytes(bytes[...colon])
    result.writeBytes(value[first...last])
    result.writeBytes([13, 10])
    return result
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
}
