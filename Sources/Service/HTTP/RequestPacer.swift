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
  private let lineLimit: Int
  private var held = ByteBuffer()
  private var wantsRead = false
  private var inputClosed = false
  private var isFeeding = false

  init(clock: ConnectionClock, lineLimit: Int) {
    self.clock = clock
    self.lineLimit = lineLimit
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
    if held.readableBytes == 0 { context.read() } else { wantsRead = true }
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
    while clock.unanswered < Self.ahead || clock.phase == .body, let piece = next() {
      if clock.phase != .body {
        // Nothing behind the last request is answered (RFC 9112 9.6).
        if clock.isLast { continue }
        guard isWithinLine(piece) else {
          held.clear()
          context.fireErrorCaught(RequestLineTooLong())
          break
        }
        if clock.phase == .idle, clock.hasHeaderBegun { clock.enter(.header) }
      }
      context.fireChannelRead(wrapInboundOut(piece))
    }
    isFeeding = false
    guard held.readableBytes == 0 else { return }
    held = ByteBuffer()
    if inputClosed {
      inputClosed = false
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
    if wantsRead {
      wantsRead = false
      context.read()
    }
  }

  /// The rest of a line, or of a body as far as its length is known.
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
    let end = bytes.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.endIndex
    return held.readSlice(length: end - bytes.startIndex)
  }

  private func isWithinLine(_ piece: ByteBuffer) -> Bool {
    guard let seen = clock.lineBytes else { return true }
    // Empty lines before a request are none of it (RFC 9112 2.2).
    if seen == 0, piece.readableBytesView.allSatisfy({ $0 == 13 || $0 == 10 }) { return true }
    let ends = piece.readableBytesView.last == UInt8(ascii: "\n")
    let count = piece.readableBytes - (ends ? 1 : 0)
    // A CR before the LF does not count.
    guard seen + count <= lineLimit + 1 else { return false }
    clock.lineBytes = ends ? nil : seen + count
    return true
  }
}
