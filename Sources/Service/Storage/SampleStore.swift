package import Contract
import GRDB

/// Preview pictures. A picture drawn again by a later attempt takes the place of the same one before.
package struct SampleStore: Sendable {
  private let database: Database
  private let jobs: JobStore

  package init(_ database: Database, jobs: JobStore) {
    self.database = database
    self.jobs = jobs
  }

  /// - Parameter file: the PNG below the job's folder, with its size and digest
  /// - Returns: `nil` if the epoch has passed.
  package func record(
    _ fence: Fence, _ sample: WorkEvent.Sample, file: StoredFile
  ) async throws -> Sample? {
    let newId = jobs.ids.next(.sample)
    let now = jobs.time.now.milliseconds
    let stored: Sample? = try await database.write("recording a sample") { db in
      try fence.guarding(in: db) {
        let row = try Row.fetchOne(
          db,
          sql: """
            INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (job_id, step, prompt_index, seed) DO UPDATE SET
              epoch = excluded.epoch, prompt = excluded.prompt, file = excluded.file,
              bytes = excluded.bytes, sha256 = excluded.sha256, width = excluded.width,
              height = excluded.height, created_at = excluded.created_at
            RETURNING *
            """,
          arguments: [
            newId, fence.jobId, fence.epoch, sample.step, sample.promptIndex, sample.prompt,
            "\(sample.seed)", file.name, file.bytes, file.sha256, sample.width, sample.height, now,
          ])
        guard let record = try row.map(Sample.init(row:)) else {
          throw StorageError.notFound("the sample just stored")
        }
        let event = EventStore.Draft(
          .sampleCreated, "step \(sample.step), prompt \(sample.promptIndex), seed \(sample.seed)",
          data: ["sample": record.id, "step": "\(sample.step)"])
        try jobs.events.append(event, to: fence.jobId, in: db)
        return record
      }
    }
    if stored != nil { database.changes.announce(fence.jobId) }
    return stored
  }

  package func find(_ id: String, ofJob jobId: String) async throws -> Sample? {
    try await database.read("reading a sample") { db in
      try Row.fetchOne(
        db, sql: "SELECT * FROM samples WHERE id = ? AND job_id = ?", arguments: [id, jobId]
      ).map(Sample.init(row:))
    }
  }

  /// By step, prompt and seed.
  package func list(ofJob jobId: String) async throws -> [Sample] {
    try await database.read("listing samples") { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM samples WHERE job_id = ?
          ORDER BY step, prompt_index, CAST(seed AS INTEGER), seed
          """,
        arguments: [jobId]
      ).map(Sample.init(row:))
    }
  }
}

extension Sample {
  fileprivate init(row: Row) throws {
    let seed: String = row["seed"]
    guard let number = UInt64(seed) else {
      throw StorageError.undecodable(record: "seed", detail: seed)
    }
    self.init(
      id: row["id"], jobId: row["job_id"], epoch: row["epoch"], step: row["step"],
      promptIndex: row["prompt_index"], prompt: row["prompt"], seed: number, file: row["file"],
      bytes: row["bytes"], sha256: row["sha256"], width: row["width"], height: row["height"],
      createdAt: row.requiredTimestamp("created_at"))
  }
}
