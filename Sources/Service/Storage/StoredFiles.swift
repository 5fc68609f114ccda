import GRDB

/// Files as they were stored, or a clear no: what is damaged is neither served nor trained on, and its jobs
/// say so in their events.
package struct StoredFiles: Sendable {
  package let integrity = FileIntegrity()
  private let database: Database
  private let events: EventStore

  init(_ database: Database, events: EventStore) {
    self.database = database
    self.events = events
  }

  /// - Throws: `StorageError.damaged` with what to do about it; `.unreadable` and `.shortage` say nothing of
  ///   the file
  package func require(_ item: StoredItem) async throws {
    do {
      try await integrity.require(item.file, bytes: item.bytes, sha256: item.sha256)
    } catch StorageError.damaged(_, let detail) {
      throw try await report(item, detail)
    }
  }

  /// Writes the event, once for each file and damage, whatever was restarted meanwhile.
  /// - Returns: the error as the user is to read it
  func report(_ item: StoredItem, _ detail: String) async throws -> StorageError {
    let draft = EventStore.Draft(
      .jobWarning, "\(item.name) is damaged: \(detail); \(item.remedy)", level: .warn,
      data: ["code": "file_damaged", "file": item.path, "detail": detail])
    let concerned = try await database.write("noting a damaged file", .ballast) { db in
      let jobs = try Self.jobs(of: item.owner, in: db)
      return try jobs.filter { try events.appendOnce(draft, to: $0, in: db) }
    }
    for job in concerned { database.changes.announce(job) }
    return .damaged(file: item.name, detail: "\(detail); \(item.remedy)")
  }

  private static func jobs(of owner: StoredItem.Owner, in db: GRDB.Database) throws -> [String] {
    switch owner {
    case .job(let id): [id]
    case .blob(let sha256):
      try String.fetchAll(
        db,
        sql: """
          SELECT id FROM jobs WHERE dataset_id IN
            (SELECT dataset_id FROM dataset_images WHERE blob = ?1 OR mask = ?1) ORDER BY ord
          """,
        arguments: [sha256])
    }
  }
}
