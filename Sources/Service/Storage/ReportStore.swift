import GRDB

/// The report of a job; a later attempt's takes the place of an earlier one's.
package struct ReportStore: Sendable {
  private let database: Database
  private let jobs: JobStore

  package init(_ database: Database, jobs: JobStore) {
    self.database = database
    self.jobs = jobs
  }

  /// - Parameter files: below the job's folder, with their digests
  /// - Returns: `nil` if the epoch has passed.
  package func record(_ fence: Fence, files: [StoredFile]) async throws -> Report? {
    let newId = jobs.ids.next(.report)
    let now = jobs.time.now.milliseconds
    let stored: Report? = try await database.write("recording a report") { db in
      try fence.guarding(in: db) {
        let row = try Row.fetchOne(
          db,
          sql: """
            INSERT INTO reports VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (job_id) DO UPDATE SET
              epoch = excluded.epoch, files = excluded.files, created_at = excluded.created_at
            RETURNING *
            """,
          arguments: [newId, fence.jobId, fence.epoch, try JSONColumn.text(files), now])
        guard let record = try row.map(Report.init(row:)) else {
          throw StorageError.notFound("the report just stored")
        }
        let event = EventStore.Draft(
          .reportCreated, files.map(\.name).joined(separator: ", "), data: ["report": record.id])
        try jobs.events.append(event, to: fence.jobId, in: db)
        return record
      }
    }
    if stored != nil { database.changes.announce(fence.jobId) }
    return stored
  }

  package func list(ofJob jobId: String) async throws -> [Report] {
    try await database.read("listing reports") { db in
      try Row.fetchAll(db, sql: "SELECT * FROM reports WHERE job_id = ?", arguments: [jobId])
        .map(Report.init(row:))
    }
  }
}

extension Report {
  fileprivate init(row: Row) throws {
    self.init(
      id: row["id"], jobId: row["job_id"], epoch: row["epoch"],
      files: try JSONColumn.value(row, "files"), createdAt: row.requiredTimestamp("created_at"))
  }
}
