import Synchronization

package enum CancelMode: String, Codable, Sendable, CaseIterable {
  /// Stop at the next step; killed after a grace.
  case graceful
  /// Killed at once.
  case now
}

/// How a request from outside reaches the one attempt of a job.
package final class AttemptRegistry: Sendable {
  enum Request: Sendable, Equatable {
    case cancel(CancelMode)
    /// Checkpoint and stop: the service stops, the job does not.
    case suspend
  }

  private struct State {
    var running: [String: AsyncStream<Request>.Continuation] = [:]
    /// For attempts that were claimed but have not registered yet.
    var early: [String: Request] = [:]
    var suspended = false
  }

  private let state = Mutex(State())

  package init() {}

  func register(_ jobId: String) -> AsyncStream<Request> {
    let (stream, continuation) = AsyncStream<Request>.makeStream()
    state.withLock { state in
      state.running[jobId] = continuation
      if let early = state.early.removeValue(forKey: jobId) { continuation.yield(early) }
      if state.suspended { continuation.yield(.suspend) }
    }
    return stream
  }

  func unregister(_ jobId: String) {
    state.withLock { state in
      state.running.removeValue(forKey: jobId)?.finish()
      state.early[jobId] = nil
    }
  }

  func cancel(_ jobId: String, _ mode: CancelMode) {
    state.withLock { state in
      if let attempt = state.running[jobId] {
        attempt.yield(.cancel(mode))
      } else {
        state.early[jobId] = .cancel(mode)
      }
    }
  }

  var isRunning: Bool { state.withLock { !$0.running.isEmpty } }

  var isSuspended: Bool { state.withLock { $0.suspended } }

  /// Suspends every attempt, and each one that still registers.
  func suspendAll() {
    state.withLock { state in
      state.suspended = true
      for attempt in state.running.values { attempt.yield(.suspend) }
    }
  }
}
