package import Contract
import GRDB

/// Verified checkpoints; the child announces them, the parent keeps the list.
package struct CheckpointStore: Sendable {
  private let database: Database
  private let jobs: JobStore

  package init(_ database: Database, jobs: JobStore) {
    self.database = database
    self.jobs = jobs
  }

  /// Records a checkpoint of this attempt.
  /// - Parameter folder: below the job's folder
  /// - Returns: `nil` if the epoch has passed.
  package func record(
    _ fence: Fence, _ checkpoint: WorkEvent.Checkpoint, folder: String
  ) async throws -> Checkpoint? {
    let record = Checkpoint(
      id: jobs.ids.next(.checkpoint), jobId: fence.jobId, epoch: fence.epoch,
      step: checkpoint.step, folder: folder, manifestSha256: checkpoint.manifestSha256,
      createdAt: jobs.time.now)
    let stored: Checkpoint? = try await database.write("recording a checkpoint") { db in
      try fence.guarding(in: db) {
        // The same step again, asked for by a directive, takes the place of the first.
        try db.execute(
          sql: "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)",
          arguments: [
            record.id, record.jobId, record.epoch, record.step, record.folder,
            record.manifestSha256, record.createdAt.milliseconds,
          ])
        let event = EventStore.Draft(
          .checkpointCreated, "step \(record.step) verified",
          data: ["checkpoint": record.id, "step": "\(record.step)"])
        try jobs.events.append(event, to: fence.jobId, in: db)
        return record
      }
    }
    if stored != nil { database.changes.announce(fence.jobId) }
    return stored
  }

  /// Newest first: by step, then by epoch.
  package func list(ofJob jobId: String) async throws -> [Checkpoint] {
    try await database.read("listing checkpoints") { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM checkpoints WHERE job_id = ? ORDER BY step DESC, epoch DESC",
        arguments: [jobId]
      ).map(Checkpoint.init(row:))
    }
  }

  package func find(_ id: String) async throws -> Checkpoint? {
    try await database.read("reading a checkpoint") { db in
      try Row.fetchOne(db, sql: "SELECT * FROM checkpoints WHERE id = ?", arguments: [id])
        .map(Checkpoint.init(row:))
    }
  }

  /// Takes a damaged checkpoint off the list and says so in the job's events.
  package func passOver(_ checkpoint: Checkpoint) async throws {
    try await database.write("passing over a checkpoint", .ballast) { db in
      try db.execute(sql: "DELETE FROM checkpoints WHERE id = ?", arguments: [checkpoint.id])
      let event = EventStore.Draft(
        .jobWarning, "the checkpoint of step \(checkpoint.step) is damaged and was passed over",
        level: .warn, data: ["checkpoint": checkpoint.id, "step": "\(checkpoint.step)"])
      try jobs.events.append(event, to: checkpoint.jobId, in: db)
    }
    database.changes.announce(checkpoint.jobId)
  }

  /// Takes a checkpoint off the list before its folder is removed.
  package func remove(_ id: String) async throws {
    try await database.write("removing a checkpoint") { db in
      try db.execute(sql: "DELETE FROM checkpoints WHERE id = ?", arguments: [id])
    }
  }
}

extension Checkpoint {
  fileprivate init(row: Row) throws {
    self.init(
      id: row["id"], jobId: row["job_id"], epoch: row["epoch"], step: row["step"],
      folder: row["folder"], manifestSha256: row["manifest_sha256"],
      createdAt: row.requiredTimestamp("created_at"))
  }
}
