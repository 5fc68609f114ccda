package import Foundation
import GRDB

/// Brings the database to the schema of the migrations folder: files `v0001_name.sql` in order, one
/// transaction each, with a ledger of what was applied and its SHA-256. A file is never edited once it
/// has shipped.
package struct Migrator: Sendable {
  package struct Migration: Equatable, Sendable {
    package let version: Int
    package let name: String
    package let sql: String
    package let sha256: String
  }

  package let migrations: [Migration]

  package init(folder: URL) throws(StorageError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    var found: [Migration] = []
    for name in names.sorted() where name.hasSuffix(".sql") {
      let digits = name.dropFirst().prefix(4)
      guard name.hasPrefix("v"), digits.count == 4, let version = Int(digits),
        version == found.count + 1
      else { throw .migrationOrder("\(name) is not v\(String(found.count + 1001).dropFirst())…") }
      guard let data = FileManager.default.contents(atPath: folder.appending(path: name).path),
        let sql = String(data: data, encoding: .utf8)
      else { throw .notFound("migration \(name)") }
      found.append(
        Migration(version: version, name: name, sql: sql, sha256: FileHash.sha256(data)))
    }
    guard !found.isEmpty else { throw .noMigrations(path: folder.path) }
    migrations = found
  }

  /// What `apply` would do.
  package func pending(_ database: Database) async throws -> [Migration] {
    let migrations = migrations
    return try await database.write("reading the migration ledger") { db in
      let applied = try Self.verifyLedger(db, against: migrations)
      return Array(migrations.dropFirst(applied))
    }
  }

  /// - Parameter limit: applies up to this version; `nil` for all.
  /// - Returns: the migrations that were applied now.
  @discardableResult
  package func apply(
    _ database: Database, now: Timestamp, upTo limit: Int? = nil
  ) async throws -> [Migration] {
    let due = try await pending(database).filter { $0.version <= limit ?? .max }
    for migration in due {
      try await database.write("applying \(migration.name)") { db in
        try db.execute(sql: migration.sql)
        try db.execute(
          sql: "INSERT INTO schema_migrations VALUES (?, ?, ?, ?)",
          arguments: [migration.version, migration.name, migration.sha256, now.milliseconds])
        try db.execute(sql: "PRAGMA user_version = \(migration.version)")
      }
    }
    return due
  }

  /// - Returns: how many migrations were applied; they are the first ones of the folder, unchanged.
  private static func verifyLedger(
    _ db: GRDB.Database, against migrations: [Migration]
  ) throws -> Int {
    try db.execute(
      sql: """
        CREATE TABLE IF NOT EXISTS schema_migrations (
          version INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,
          applied_at INTEGER NOT NULL) STRICT
        """)
    let rows = try Row.fetchAll(db, sql: "SELECT * FROM schema_migrations ORDER BY version")
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    guard max(rows.count, version) <= migrations.count else {
      throw StorageError.newerDatabase(found: max(rows.count, version), known: migrations.count)
    }
    guard version == rows.count else {
      throw StorageError.migrationOrder("user_version is \(version), the ledger has \(rows.count)")
    }
    for (row, migration) in zip(rows, migrations) {
      let name: String = row["name"]
      guard name == migration.name else { throw StorageError.unknownMigration(name: name) }
      guard row["sha256"] == migration.sha256 else {
        throw StorageError.changedMigration(name: name)
      }
    }
    return rows.count
  }
}
