import Glibc

/// What storage can refuse or suffer. `isFatal` cases stop the process: after a failed write nobody
/// knows what is on the disk, and only a restart that reads it back does.
package enum StorageError: Error, Equatable, CustomStringConvertible {
  case io(operation: String, detail: String)
  case diskFull(operation: String)
  /// No files, processes or memory to be had for a moment; nothing was changed. `code` is the `errno`.
  case shortage(operation: String, code: Int32)
  /// A read failed, which proves nothing about what is stored. `code` is the `errno`.
  case unreadable(file: String, code: Int32)
  /// A stored file is proven to be missing or other than it was.
  case damaged(file: String, detail: String)
  /// The database said no and undid the statement: a broken rule, not a broken disk.
  case refused(operation: String, detail: String)
  case alreadyOpen(path: String)
  case databaseMissing(folder: String)
  case foreignDatabase(_ folder: String)
  case databaseDamaged(file: String, detail: String)
  case pragma(name: String, expected: String, found: String)
  case newerDatabase(found: Int, known: Int)
  case changedMigration(name: String)
  case unknownMigration(name: String)
  case migrationOrder(String)
  case noMigrations(path: String)
  case undecodable(record: String, detail: String)
  case digestMismatch(file: String, expected: String, found: String)
  case unsafePath(String)
  case notFound(String)

  package var isFatal: Bool { if case .io = self { true } else { false } }

  /// Whether the same may succeed later without anybody changing a request.
  package var isPassing: Bool {
    switch self {
    case .diskFull, .shortage, .unreadable: true
    default: false
    }
  }

  /// Whether the data folder has to be put right by hand before a start.
  package var refusesFolder: Bool {
    switch self {
    case .databaseMissing, .foreignDatabase, .databaseDamaged: true
    default: false
    }
  }

  private static let adopting =
    "files that the database does not know are moved into the folder's quarantine and kept there for "
    + "\(Quarantine.keptDays) days"

  package var description: String {
    switch self {
    case .io(let operation, let detail):
      "storage failed while \(operation): \(detail); the process must restart and read the disk back"
    case .diskFull(let operation):
      "no space left on the device while \(operation); free space and try again"
    case .shortage(let operation, let code):
      "the machine is short of something while \(operation): \(String(cString: strerror(code)))"
    case .unreadable(let file, let code):
      "\(file) cannot be read now: \(String(cString: strerror(code)))"
    case .damaged(let file, let detail): "\(file) is damaged: \(detail)"
    case .refused(let operation, let detail):
      "the database refused \(operation): \(detail)"
    case .alreadyOpen(let path):
      "another process holds \(path); only one service may use a data folder"
    case .databaseMissing(let folder):
      "\(folder) holds photos or results, but its database is missing or empty; nothing was changed. "
        + "Put dreambooth.db back from a backup, or start once with `serve --adopt`: \(Self.adopting)"
    case .foreignDatabase(let folder):
      "the database in \(folder) belongs to another data folder; nothing was changed. Put this "
        + "folder's own dreambooth.db back, or start once with `serve --adopt`: \(Self.adopting)"
    case .databaseDamaged(let file, let detail):
      "\(file) is damaged (\(detail)); no photo or result was changed. Keep a copy of it, remove it "
        + "and its -wal file, and put both back from a backup; without a backup, remove them and start "
        + "once with `serve --adopt`: \(Self.adopting)"
    case .pragma(let name, let expected, let found):
      "PRAGMA \(name) reads \(found) where \(expected) was set"
    case .newerDatabase(let found, let known):
      "the database is at migration \(found), this binary knows \(known); use the newer binary"
    case .changedMigration(let name):
      "migration \(name) differs from the one that was applied; restore the shipped file"
    case .unknownMigration(let name):
      "migration \(name) was applied but is not in the migrations folder; restore the file"
    case .migrationOrder(let detail):
      "migrations must be numbered without gaps from v0001: \(detail)"
    case .noMigrations(let path): "no migration files (v0001_name.sql) in \(path)"
    case .undecodable(let record, let detail): "stored \(record) cannot be read: \(detail)"
    case .digestMismatch(let file, let expected, let found):
      "\(file) has SHA-256 \(found), \(expected) was announced"
    case .unsafePath(let path): "\(path) is not a plain relative path"
    case .notFound(let what): "\(what) does not exist"
    }
  }
}
