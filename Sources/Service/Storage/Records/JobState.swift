/// The states of a job and the only legal moves between them.
package enum JobState: String, Codable, Sendable, CaseIterable {
  case validating, queued, running, pausing, paused, cancelling, succeeded, failed, cancelled

  /// Final: nothing leaves it.
  package var isFinal: Bool { self == .succeeded || self == .failed || self == .cancelled }

  package struct Move: Hashable, Sendable {
    package let from: JobState
    package let to: JobState
    package let event: EventType

    init(_ from: JobState, _ to: JobState, _ event: EventType) {
      self.from = from
      self.to = to
      self.event = event
    }
  }

  /// Every legal move with the event that tells of it. `JobStore` makes no other.
  package static let moves: [Move] = [
    Move(.validating, .queued, .jobQueued),
    Move(.validating, .failed, .jobFailed),
    Move(.validating, .cancelled, .jobCancelled),
    Move(.queued, .running, .jobStarted),
    Move(.queued, .failed, .jobFailed),
    Move(.queued, .paused, .jobPaused),
    Move(.queued, .cancelled, .jobCancelled),
    Move(.paused, .queued, .jobQueued),
    Move(.paused, .failed, .jobFailed),
    Move(.paused, .cancelled, .jobCancelled),
    Move(.running, .queued, .jobRecovered),
    Move(.running, .pausing, .jobPausing),
    Move(.running, .cancelling, .jobCancelling),
    Move(.running, .succeeded, .jobSucceeded),
    Move(.running, .failed, .jobFailed),
    Move(.pausing, .cancelling, .jobCancelling),
    Move(.pausing, .paused, .jobPaused),
    Move(.pausing, .succeeded, .jobSucceeded),
    Move(.pausing, .failed, .jobFailed),
    Move(.cancelling, .cancelled, .jobCancelled),
  ]

  package static func move(from: JobState, to: JobState) -> Move? {
    moves.first { $0.from == from && $0.to == to }
  }
}
