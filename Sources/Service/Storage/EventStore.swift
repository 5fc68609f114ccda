import GRDB

/// Stored events per job: numbered without gaps, written in the transaction of what they tell.
package struct EventStore: Sendable {
  private let database: Database
  private let ids: Identifiers
  private let time: any TimeSource

  package init(_ database: Database, ids: Identifiers, time: any TimeSource) {
    self.database = database
    self.ids = ids
    self.time = time
  }

  /// What an event says, before it has its number.
  package struct Draft: Sendable {
    package var type: EventType
    package var level: Event.Level
    package var message: String
    package var data: [String: String]

    package init(
      _ type: EventType, _ message: String, level: Event.Level = .info,
      data: [String: String] = [:]
    ) {
      self.type = type
      self.level = level
      self.message = message
      self.data = data
    }
  }

  /// Events of a job in ascending order.
  /// - Parameters:
  ///   - after: the last `seq` already seen
  ///   - types: only these, if any are named
  package func list(
    ofJob jobId: String, after: Int = 0, types: Set<EventType> = [], limit: Int = 100
  ) async throws -> Page<Event> {
    try await database.read("listing events") { db in
      let names = (types.isEmpty ? Set(EventType.allCases) : types).map(\.rawValue).sorted()
      let marks = databaseQuestionMarks(count: names.count)
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM events WHERE job_id = ? AND seq > ? AND type IN (\(marks))
          ORDER BY seq LIMIT ?
          """,
        arguments: [jobId, after] + StatementArguments(names) + [limit + 1])
      let events = try rows.prefix(limit).map(Event.init(row:))
      return Page(items: events, hasMore: rows.count > limit)
    }
  }

  /// Appends inside the caller's transaction what the job's events do not say yet.
  /// - Returns: `false` if they did
  func appendOnce(_ draft: Draft, to jobId: String, in db: GRDB.Database) throws -> Bool {
    let known = try Bool.fetchOne(
      db,
      sql: "SELECT EXISTS (SELECT 1 FROM events WHERE job_id = ? AND type = ? AND data = ?)",
      arguments: [jobId, draft.type.rawValue, try JSONColumn.text(draft.data)])
    if known != true { try append(draft, to: jobId, in: db) }
    return known != true
  }

  /// Appends inside the caller's transaction.
  func append(_ draft: Draft, to jobId: String, in db: GRDB.Database) throws {
    try db.execute(
      sql: """
        INSERT INTO events (job_id, seq, id, status_seq, created_at, type, level, message, data)
        SELECT ?1, COALESCE((SELECT MAX(seq) FROM events WHERE job_id = ?1), 0) + 1, ?2,
          (SELECT status_seq FROM jobs WHERE id = ?1), ?3, ?4, ?5, ?6, ?7
        """,
      arguments: [
        jobId, ids.next(.event), time.now.milliseconds, draft.type.rawValue, draft.level.rawValue,
        draft.message, try JSONColumn.text(draft.data),
      ])
  }
}

extension Event {
  fileprivate init(row: Row) throws {
    self.init(
      id: row["id"], seq: row["seq"], jobId: row["job_id"], statusSeq: row["status_seq"],
      createdAt: row.requiredTimestamp("created_at"), type: try row.choice("type"),
      level: try row.choice("level"), message: row["message"],
      data: try JSONColumn.value(row, "data"))
  }
}
