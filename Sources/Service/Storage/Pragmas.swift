import GRDB

/// What the connection is set to. Defaults differ between builds and wrappers, so each value is read
/// back, and a value that did not take refuses the start.
enum Pragmas {
  /// In this order: exclusive locking before the first access to the WAL.
  static let wanted: [(name: String, value: String, reads: String)] = [
    ("locking_mode", "EXCLUSIVE", "exclusive"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    ("foreign_keys", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    ("mmap_size", "0", "0"),
    ("journal_size_limit", "67108864", "67108864"),
  ]

  static func set(_ db: GRDB.Database) throws {
    for pragma in wanted { try db.execute(sql: "PRAGMA \(pragma.name) = \(pragma.value)") }
    let owner = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    if owner == 0 {
      try db.execute(sql: "PRAGMA application_id = \(Database.applicationId)")
    }
  }

  static func read(_ db: GRDB.Database) throws -> [String: String] {
    var found: [String: String] = [:]
    for pragma in wanted {
      // A build without memory maps answers `mmap_size` with no row.
      found[pragma.name] = try String.fetchOne(db, sql: "PRAGMA \(pragma.name)") ?? "0"
    }
    found["application_id"] = try String.fetchOne(db, sql: "PRAGMA application_id")
    return found
  }

  static func check(_ db: GRDB.Database) throws {
    let found = try read(db)
    let expected =
      wanted.map { ($0.name, $0.reads) } + [("application_id", "\(Database.applicationId)")]
    for (name, value) in expected where found[name] != value {
      throw StorageError.pragma(name: name, expected: value, found: found[name] ?? "nothing")
    }
  }
}
