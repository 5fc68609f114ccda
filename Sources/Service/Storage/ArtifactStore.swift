package import Contract
import GRDB

/// Published artifacts. Publishing is one compare-and-swap on state and epoch: all of an attempt's
/// verified files become artifacts and the job succeeds, or nothing changes.
package struct ArtifactStore: Sendable {
  private let database: Database
  private let jobs: JobStore

  package init(_ database: Database, jobs: JobStore) {
    self.database = database
    self.jobs = jobs
  }

  /// - Parameter artifacts: verified; folders relative to the attempt's folder
  /// - Returns: the job in `succeeded`; `nil` if another writer was first.
  package func publish(
    _ fence: Fence, _ artifacts: [WorkEvent.Artifact], outcome: JobOutcome
  ) async throws -> Job? {
    let records = artifacts.map { record(of: $0, fence) }
    let move = JobMove(
      to: .succeeded, from: [.running, .pausing], epoch: fence.epoch, outcome: outcome)
    let published: Job? = try await database.write("publishing artifacts", .ballast) { db in
      guard let job = try jobs.perform(move, on: fence.jobId, in: db) else { return nil }
      for record in records {
        try db.execute(
          sql: "INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          arguments: [
            record.id, record.jobId, record.epoch, record.format, record.folder, record.bytes,
            record.sha256, try JSONColumn.text(record.files), record.createdAt.milliseconds,
          ])
        let event = EventStore.Draft(
          .artifactReady, "\(record.format), \(record.bytes) bytes",
          data: ["artifact": record.id, "format": record.format])
        try jobs.events.append(event, to: fence.jobId, in: db)
      }
      return job
    }
    if published != nil { database.changes.announce(fence.jobId) }
    return published
  }

  private func record(of artifact: WorkEvent.Artifact, _ fence: Fence) -> Artifact {
    let files = artifact.files
      .map { StoredFile(name: $0.name, bytes: $0.bytes, sha256: $0.sha256) }
      .sorted { $0.name < $1.name }
    return Artifact(
      id: jobs.ids.next(.artifact), jobId: fence.jobId, epoch: fence.epoch,
      format: artifact.format,
      folder: "\(DataFolder.attemptName(epoch: fence.epoch))/\(artifact.folder)",
      bytes: files.reduce(0) { $0 + $1.bytes }, sha256: FileHash.sha256(ofFiles: files),
      files: files, createdAt: jobs.time.now)
  }

  package func find(_ id: String, ofJob jobId: String) async throws -> Artifact? {
    try await list(ofJob: jobId).first { $0.id == id }
  }

  /// By format.
  package func list(ofJob jobId: String) async throws -> [Artifact] {
    try await database.read("listing artifacts") { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM artifacts WHERE job_id = ? ORDER BY format", arguments: [jobId]
      ).map(Artifact.init(row:))
    }
  }
}

extension Artifact {
  fileprivate init(row: Row) throws {
    self.init(
      id: row["id"], jobId: row["job_id"], epoch: row["epoch"], format: row["format"],
      folder: row["folder"], bytes: row["bytes"], sha256: row["sha256"],
      files: try JSONColumn.value(row, "files"), createdAt: row.requiredTimestamp("created_at"))
  }
}
