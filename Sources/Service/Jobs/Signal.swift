import Synchronization

/// Wakes waiting loops: whoever read the count before the ring does not miss it.
package final class Signal: Sendable {
  private struct State {
    var count = 0
    var next = 0
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var cancelled: Set<Int> = []
  }

  private let state = Mutex(State())

  package init() {}

  package var count: Int { state.withLock { $0.count } }

  package func ring() {
    let waiting = state.withLock { state in
      state.count += 1
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for continuation in waiting { continuation.resume() }
  }

  /// As `wait(past:)`, but no longer than `limit`, if there is one.
  package func wait(past count: Int, atMost limit: Duration?) async {
    guard let limit else { return await wait(past: count) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait(past: count) }
      group.addTask { try? await Task.sleep(for: limit) }
      await group.next()
      group.cancelAll()
    }
  }

  /// Returns once the signal has rung more than `count` times, or the task is cancelled.
  package func wait(past count: Int) async {
    let key = state.withLock { state in
      state.next += 1
      return state.next
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready = state.withLock { state in
          if state.count > count || state.cancelled.remove(key) != nil { return true }
          state.waiting[key] = continuation
          return false
        }
        if ready { continuation.resume() }
      }
    } onCancel: {
      let waiting = state.withLock { state in
        let waiting = state.waiting.removeValue(forKey: key)
        if waiting == nil { state.cancelled.insert(key) }
        return waiting
      }
      waiting?.resume()
    }
    state.withLock { _ = $0.cancelled.remove(key) }
  }
}
