import Synchronization

/// The dry runs that are under way: a bounded number, and all cancelled when the service stops.
package final class DryRuns: Sendable {
  private struct State {
    var nextID = 0
    var cancels: [Int: @Sendable () -> Void] = [:]
    var isStopped = false
  }

  private let state = Mutex(State())
  private let limit: Int

  package init(limit: Int) { self.limit = limit }

  /// - Throws: `JobError.tooManyDryRuns`; `JobError.draining` if the service stops meanwhile
  package func run<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let (id, task) = try state.withLock { state in
      guard !state.isStopped else { throw JobError.draining }
      guard state.cancels.count < limit else { throw JobError.tooManyDryRuns(limit: limit) }
      let task = Task(operation: work)
      state.nextID += 1
      state.cancels[state.nextID] = { task.cancel() }
      return (state.nextID, task)
    }
    defer { state.withLock { $0.cancels[id] = nil } }
    do {
      return try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
    } catch is CancellationError where state.withLock({ $0.isStopped }) {
      throw JobError.draining
    }
  }

  package func stop() {
    let cancels = state.withLock { state in
      state.isStopped = true
      return state.cancels.values
    }
    for cancel in cancels { cancel() }
  }
}
