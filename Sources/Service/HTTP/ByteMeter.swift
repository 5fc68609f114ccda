import NIOCore

/// Next to the socket: counts bytes both ways.
final class ByteMeter: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let clock: ConnectionClock

  init(clock: ConnectionClock) { self.clock = clock }

  func read(context: ChannelHandlerContext) {
    clock.wantsBytes = true
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    clock.wantsBytes = false
    clock.bodyBytes += unwrapInboundIn(data).readableBytes
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let promise = promise ?? context.eventLoop.makePromise()
    let clock = clock
    let count = unwrapOutboundIn(data).readableBytes
    clock.sentBytes += count
    promise.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
      clock.takenBytes += count
    }
    context.write(data, promise: promise)
  }
}
