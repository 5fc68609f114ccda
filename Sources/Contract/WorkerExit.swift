/// Exit codes of `dreambooth worker`. Before a code other than `done`, the child has said why in one
/// `WorkFailure` line on descriptor 3, unless it crashed or was killed.
package enum WorkerExit: Int32, Sendable {
  case done = 0
  /// Permanent: the order cannot succeed (bad input, invalid recipe, missing model, nonfinite loss).
  case badInput = 65
  /// A bug: report it; not retried more than `max_attempts`.
  case bug = 70
  /// The system refused memory to a tensor.
  case outOfMemory = 71
  /// Transient: try again (disk full, out of memory).
  case tryAgain = 75
  /// A directive stopped the run, or stdin closed; the last checkpoint is whole.
  case interrupted = 130
}

/// What goes over descriptor 3: an event, or the reason of the end.
package enum WorkerMessage: Codable, Equatable, Sendable {
  case event(WorkEvent)
  case failure(EngineError)
  /// The process is alive, whatever its work is doing; sent every `WorkerHeartbeat.seconds`.
  case heartbeat
}

/// How often a worker says that it is alive: from a thread of its own, so that a long step is no silence.
package enum WorkerHeartbeat {
  package static let seconds = 10
}
