import Contract
import Foundation
import GRDB

/// One move of a job, as asked for: it happens if the job is in one of `from` and, where an attempt
/// asks, still in its epoch.
package struct JobMove: Sendable {
  package var to: JobState
  package var from: Set<JobState>
  package var epoch: Int?
  package var outcome: JobOutcome?
  package var error: JobFailure?
  /// Whether the move is a failure of the job itself and uses up an attempt.
  package var countsAttempt = false
  package var message: String?
  /// Why the job is not to be claimed at once.
  package var waiting: JobWaiting?

  package init(
    to: JobState, from: Set<JobState>, epoch: Int? = nil, outcome: JobOutcome? = nil,
    error: JobFailure? = nil, countsAttempt: Bool = false, message: String? = nil,
    waiting: JobWaiting? = nil
  ) {
    self.to = to
    self.from = from
    self.epoch = epoch
    self.outcome = outcome
    self.error = error
    self.countsAttempt = countsAttempt
    self.message = message
    self.waiting = waiting
  }
}

extension JobStore {
  /// Makes the move.
  /// - Returns: the job after it; `nil` if the job was elsewhere, and nothing changed.
  package func move(_ id: String, _ move: JobMove) async throws -> Job? {
    let moved = try await database.write("moving a job to \(move.to.rawValue)", .ballast) { db in
      try perform(move, on: id, in: db)
    }
    if moved != nil { database.changes.announce(id) }
    return moved
  }

  /// The move inside the caller's transaction.
  func perform(_ move: JobMove, on id: String, in db: GRDB.Database) throws -> Job? {
    guard let job = try Self.find(id, in: db), move.from.contains(job.status) else { return nil }
    guard let legal = JobState.move(from: job.status, to: move.to) else {
      preconditionFailure("no move from \(job.status) to \(move.to) in the state table")
    }
    let now = time.now.milliseconds
    let row = try Row.fetchOne(
      db,
      sql: """
        UPDATE jobs SET status = ?1, status_seq = status_seq + 1, outcome = ?2, error = ?3,
          attempt = attempt + ?4, phase = NULL,
          queued_at = CASE WHEN ?1 = 'queued' THEN ?5 ELSE queued_at END,
          finished_at = CASE WHEN ?6 THEN ?5 ELSE NULL END, waiting = ?10
        WHERE id = ?7 AND status = ?8 AND epoch = COALESCE(?9, epoch)
        RETURNING *
        """,
      arguments: [
        move.to.rawValue, move.outcome?.rawValue, try JSONColumn.text(optional: move.error),
        move.countsAttempt ? 1 : 0, now, move.to.isFinal, id, job.status.rawValue, move.epoch,
        try JSONColumn.text(optional: move.waiting),
      ])
    guard let after = try row.map(Job.init(row:)) else { return nil }
    try events.append(Self.event(legal, move, after), to: id, in: db)
    return after
  }

  private static func event(
    _ legal: JobState.Move, _ move: JobMove, _ job: Job
  ) -> EventStore.Draft {
    var data = ["status": job.status.rawValue]
    data["code"] = move.error?.code.rawValue
    data["outcome"] = move.outcome?.rawValue
    return .init(
      legal.event, move.message ?? move.error?.message ?? job.status.rawValue,
      level: move.to == .failed ? .error : .info, data: data)
  }
}
