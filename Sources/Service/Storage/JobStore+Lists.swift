import Foundation
import GRDB

/// Which jobs a list holds; empty means all.
package struct JobFilter: Sendable {
  package var statuses: Set<JobState>
  package var kinds: Set<JobKind>
  package var metadata: [String: String]

  package init(
    statuses: Set<JobState> = [], kinds: Set<JobKind> = [], metadata: [String: String] = [:]
  ) {
    self.statuses = statuses
    self.kinds = kinds
    self.metadata = metadata
  }
}

extension JobStore {
  /// A page of jobs by the cursor (created_at, id), stable under inserts.
  /// - Throws: `StorageError.notFound` if the cursor names no job.
  package func list(_ filter: JobFilter, _ page: PageRequest) async throws -> Page<Job> {
    try await database.read("listing jobs") { db in
      var conditions: [String] = []
      var arguments = StatementArguments()
      func require(_ condition: String, _ values: StatementArguments) {
        conditions.append(condition)
        arguments += values
      }
      if !filter.statuses.isEmpty {
        let names = filter.statuses.map(\.rawValue).sorted()
        require("status IN (\(databaseQuestionMarks(count: names.count)))", .init(names))
      }
      if !filter.kinds.isEmpty {
        let names = filter.kinds.map(\.rawValue).sorted()
        require("kind IN (\(databaseQuestionMarks(count: names.count)))", .init(names))
      }
      for (key, value) in filter.metadata.sorted(by: { $0.key < $1.key }) {
        require(
          "EXISTS (SELECT 1 FROM json_each(metadata) AS pair WHERE pair.key = ? AND pair.value = ?)",
          [key, value])
      }
      // The page before a cursor is read backwards from it and turned around.
      let backwards = page.after == nil && page.before != nil
      let ascending = (page.order == .ascending) != backwards
      if let cursor = page.after ?? page.before {
        let known = try Row.fetchOne(
          db, sql: "SELECT created_at, id FROM jobs WHERE id = ?", arguments: [cursor])
        guard let known else { throw StorageError.notFound("job \(cursor)") }
        require(
          "(created_at, id) \(ascending ? ">" : "<") (?, ?)",
          [known["created_at"] as Int64, known["id"] as String])
      }
      let direction = ascending ? "ASC" : "DESC"
      let condition = conditions.isEmpty ? "TRUE" : conditions.joined(separator: " AND ")
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM jobs WHERE \(condition)
          ORDER BY created_at \(direction), id \(direction) LIMIT ?
          """,
        arguments: arguments + [page.limit + 1])
      let jobs = try rows.prefix(page.limit).map(Job.init(row:))
      return Page(items: backwards ? jobs.reversed() : jobs, hasMore: rows.count > page.limit)
    }
  }

  /// Jobs in any of these states, in order of arrival.
  package func all(in statuses: Set<JobState>) async throws -> [Job] {
    try await database.read("listing jobs by status") { db in
      let names = statuses.map(\.rawValue).sorted()
      return try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM jobs WHERE status IN (\(databaseQuestionMarks(count: names.count)))
          ORDER BY ord
          """,
        arguments: .init(names)
      ).map(Job.init(row:))
    }
  }

  package func counts() async throws -> [JobState: Int] {
    try await database.read("counting jobs") { db in
      var counts: [JobState: Int] = [:]
      for row in try Row.fetchAll(db, sql: "SELECT status, COUNT(*) AS n FROM jobs GROUP BY status")
      {
        counts[try row.choice("status")] = row["n"]
      }
      return counts
    }
  }

  /// Place in the queue from 1; `nil` if the job is not queued.
  package func queuePosition(_ id: String) async throws -> Int? {
    try await database.read("finding a place in the queue") { db in
      try Int.fetchOne(
        db,
        sql: """
          SELECT (SELECT COUNT(*) FROM jobs AS other WHERE other.status = 'queued'
            AND (other.priority > job.priority
              OR (other.priority = job.priority AND other.ord <= job.ord)))
          FROM jobs AS job WHERE job.id = ? AND job.status = 'queued'
          """,
        arguments: [id])
    }
  }

  /// Ids of the queued jobs in the order in which they will be claimed.
  package func queue(limit: Int) async throws -> [String] {
    try await database.read("reading the queue") { db in
      try String.fetchAll(
        db,
        sql: "SELECT id FROM jobs WHERE status = 'queued' ORDER BY priority DESC, ord LIMIT ?",
        arguments: [limit])
    }
  }
}
