package import Foundation
import GRDB
import Synchronization

/// A client's key with what it was used for. `scope` is API key, method and path.
package struct IdempotencyKey: Hashable, Sendable {
  package var scope: String
  package var key: String
  /// SHA-256 of the request's meaning: the same key with another one is refused.
  package var fingerprint: String

  package init(scope: String, key: String, fingerprint: String) {
    self.scope = scope
    self.key = key
    self.fingerprint = fingerprint
  }

  func find(in db: GRDB.Database) throws -> (fingerprint: String, answer: Data)? {
    try Row.fetchOne(
      db, sql: "SELECT fingerprint, answer FROM idempotency_keys WHERE scope = ? AND key = ?",
      arguments: [scope, key]
    ).map { ($0["fingerprint"], $0["answer"]) }
  }

  func insert(
    jobId: String, answer: Data, createdAt: Timestamp, in db: GRDB.Database
  ) throws {
    try db.execute(
      sql: "INSERT INTO idempotency_keys VALUES (?, ?, ?, ?, ?, ?)",
      arguments: [scope, key, fingerprint, jobId, answer, createdAt.milliseconds])
  }
}

/// Keys in flight (in memory: a dead process has none) and keys answered (in the database).
package final class IdempotencyKeys: Sendable {
  private let database: Database
  private let inFlight = Mutex<Set<[String]>>([])

  package init(_ database: Database) { self.database = database }

  package enum Answer: Equatable, Sendable {
    case new
    case replayed(answer: Data)
    case keyReused
  }

  /// What is known of a key before its request is worked on.
  package func answer(_ key: IdempotencyKey) async throws -> Answer {
    try await database.read("reading an idempotency key") { db in
      guard let known = try key.find(in: db) else { return .new }
      return known.fingerprint == key.fingerprint ? .replayed(answer: known.answer) : .keyReused
    }
  }

  /// Marks a key as being worked on.
  /// - Returns: `false` if it already is; else call `end` when done.
  package func begin(scope: String, key: String) -> Bool {
    inFlight.withLock { $0.insert([scope, key]).inserted }
  }

  package func end(scope: String, key: String) {
    inFlight.withLock { _ = $0.remove([scope, key]) }
  }

  /// Forgets keys older than a day; younger ones are kept over restarts.
  package func expire(now: Timestamp) async throws {
    let limit = now.advanced(bySeconds: -86_400).milliseconds
    try await database.write("forgetting old idempotency keys", .ballast) { db in
      try db.execute(
        sql: "DELETE FROM idempotency_keys WHERE created_at < ?", arguments: [limit])
    }
  }
}
