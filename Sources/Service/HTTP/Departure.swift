import NIOCore
import Synchronization

/// Whether the client has closed its side of the connection, or lost it.
final class Departure: Sendable {
  private struct State {
    var hasLeft = false
    var watchers: [Int: @Sendable () -> Void] = [:]
    var nextID = 0
  }

  private let state = Mutex(State())

  var hasLeft: Bool { state.withLock { $0.hasLeft } }

  func note() {
    let watchers = state.withLock { state in
      state.hasLeft = true
      defer { state.watchers = [:] }
      return state.watchers.values
    }
    for watcher in watchers { watcher() }
  }

  /// Calls `watcher` once when the client leaves, at once if it has left.
  func watch(_ watcher: @escaping @Sendable () -> Void) -> Int {
    let id: Int? = state.withLock { state in
      guard !state.hasLeft else { return nil }
      state.nextID += 1
      state.watchers[state.nextID] = watcher
      return state.nextID
    }
    if id == nil { watcher() }
    return id ?? 0
  }

  func forget(_ id: Int) { state.withLock { $0.watchers[id] = nil } }
}

/// Next to the socket: NIO tells of the end of what a client sends even where nobody reads.
final class DepartureWatch: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  let departure = Departure()

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent { departure.note() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    departure.note()
    context.fireChannelInactive()
  }
}

extension Request {
  /// Runs `work`, and cancels it when the client leaves. A client that closes its side before the
  /// answer counts as gone: a killed one looks just the same.
  package func whileConnected<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let task = Task(operation: work)
    let watch = departure?.watch { task.cancel() }
    defer { if let watch { departure?.forget(watch) } }
    do {
      return try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
    } catch is CancellationError where departure?.hasLeft == true {
      throw Problem(.malformedRequest, "the connection was closed before the answer")
    }
  }
}
