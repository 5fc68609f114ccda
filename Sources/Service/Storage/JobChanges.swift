import Synchronization

/// Wakes whoever waits for a job. A wake-up carries no state: the waiter reads the database.
package final class JobChanges: Sendable {
  private struct Listeners {
    var next = 0
    var byJob: [String: [Int: AsyncStream<Void>.Continuation]] = [:]
  }

  private let listeners = Mutex(Listeners())

  /// - Returns: a stream with one element per burst of changes of this job.
  package func subscribe(_ jobId: String) -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let key = listeners.withLock { listeners in
      listeners.next += 1
      listeners.byJob[jobId, default: [:]][listeners.next] = continuation
      return listeners.next
    }
    continuation.onTermination = { [weak self] _ in
      self?.listeners.withLock { listeners in
        listeners.byJob[jobId]?[key] = nil
        if listeners.byJob[jobId]?.isEmpty == true { listeners.byJob[jobId] = nil }
      }
    }
    return stream
  }

  package func announce(_ jobId: String) {
    let waiting = listeners.withLock { Array($0.byJob[jobId, default: [:]].values) }
    for continuation in waiting { continuation.yield() }
  }
}
