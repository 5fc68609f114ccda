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
  /// A page of jobs in the order of arrival, stable under inserts and whatever the clock does.
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
      // The rarest pair is walked in its own index, which is in the order of the list.
      var pairs = try Self.rarestFirst(filter.metadata, in: db)
      var (source, order) = ("jobs", "jobs.ord")
      if !pairs.isEmpty {
        let (key, value) = pairs.removeFirst()
        source = "job_metadata AS walked CROSS JOIN jobs ON jobs.ord = walked.ord"
        order = "walked.ord"
        require("walked.key = ? AND walked.value = ?", [key, value])
      }
      for (key, value) in pairs {
        require(
          """
          EXISTS (SELECT 1 FROM job_metadata AS pair WHERE pair.key = ? AND pair.value = ?
            AND pair.ord = jobs.ord)
          """,
          [key, value])
      }
      // The page before a cursor is read backwards from it and turned around.
      let backwards = page.after == nil && page.before != nil
      let ascending = (page.order == .ascending) != backwards
      if let cursor = page.after ?? page.before {
        let known = try Int64.fetchOne(
          db, sql: "SELECT ord FROM jobs WHERE id = ?", arguments: [cursor])
        guard let known else { throw StorageError.notFound("job \(cursor)") }
        require("\(order) \(ascending ? ">" : "<") ?", [known])
      }
      let direction = ascending ? "ASC" : "DESC"
      let condition = conditions.isEmpty ? "TRUE" : conditions.joined(separator: " AND ")
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT jobs.* FROM \(source) WHERE \(condition)
          ORDER BY \(order) \(direction) LIMIT ?
          """,
        arguments: arguments + [page.limit + 1])
      let jobs = try rows.prefix(page.limit).map(Job.init(row:))
      return Page(items: backwards ? jobs.reversed() : jobs, hasMore: rows.count > page.limit)
    }
  }

  /// Counting ends at 1,000 jobs: beyond that a page is full long before the index is walked.
  private static func rarestFirst(
    _ metadata: [String: String], in db: GRDB.Database
  ) throws -> [(key: String, value: String)] {
    let pairs = metadata.sorted { $0.key < $1.key }
    guard pairs.count > 1 else { return pairs }
    let counts = try pairs.map { pair in
      try Int.fetchOne(
        db,
        sql: """
          SELECT COUNT(*) FROM
            (SELECT 1 FROM job_metadata WHERE key = ? AND value = ? LIMIT 1000)
          """,
        arguments: [pair.key, pair.value]) ?? 0
    }
    return zip(pairs, counts).sorted { $0.1 < $1.1 }.map(\.0)
  }

  /// The state of every job, by id.
  package func states() async throws -> [String: JobState] {
    try await database.read("reading the states of all jobs") { db in
      var states: [String: JobState] = [:]
      let rows = try Row.fetchCursor(db, sql: "SELECT status, id FROM jobs")
      while let row = try rows.next() { states[row[1]] = try row.choice("status") as JobState }
      return states
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
      for row in try Row.fetchAll(db, sql: "SELECT status, n FROM job_counts WHERE n > 0") {
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
