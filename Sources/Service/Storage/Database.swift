import Foundation
import GRDB
import Glibc
import Synchronization

/// The one connection to the one database file. Whoever else opens the folder is turned away: by the
/// lock file, and by SQLite's exclusive locking mode (no `-shm` file, so no second reader of the WAL,
/// which SQLite before 3.51.3 can corrupt).
///
/// Each access runs on the connection's own serial queue, never on the cooperative pool, and is not
/// undone when the calling task is cancelled: a move is made or refused, not abandoned.
package final class Database: Sendable {
  /// Called once with a fatal storage error; the process is expected to end in it.
  package typealias FatalHandler = @Sendable (StorageError) -> Void

  package let changes = JobChanges()
  package let ballast: Ballast
  private let path: String
  private let queue: DatabaseQueue
  private let lock: LockFile
  private let onFatal: FatalHandler

  static let applicationId = 0x4452_4D42  // "DRMB"

  /// Opens or creates the file, takes both locks, sets every pragma and reads it back.
  /// - Parameter checking: refuses a database whose pages do not agree with each other
  package init(
    _ folder: DataFolder, checking: Bool = true, onFatal: @escaping FatalHandler
  ) throws(StorageError) {
    self.onFatal = onFatal
    ballast = Ballast(folder.ballast)
    path = folder.database.path
    lock = try LockFile(folder.lock)
    do {
      queue = try DatabaseQueue(path: folder.database.path, configuration: Self.configuration())
      try queue.inDatabase { db in
        try Pragmas.check(db)
        if checking { try Self.check(db) }
      }
      try folder.closeToOthers()
      try FileIO.syncFolder(folder.root)
    } catch let error as DatabaseError
      where [ResultCode.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
    {
      throw .databaseDamaged(
        file: folder.database.path, detail: error.message ?? "it is not a database")
    } catch {
      throw Self.translate(error, "opening \(folder.database.lastPathComponent)")
    }
  }

  /// Bytes up to which a start checks the whole file, indexes too. Of a larger one it checks the tables that say which
  /// files belong to somebody: a service with years of history must not take minutes to start.
  private static let wholeCheckBytes = 64 << 20

  private static func check(_ db: GRDB.Database) throws {
    let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
    let pageSize = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
    let checks =
      pages * pageSize <= wholeCheckBytes
      ? ["integrity_check(1)"] : ["quick_check('jobs')", "quick_check('dataset_images')"]
    for check in checks {
      let found = try String.fetchAll(db, sql: "PRAGMA \(check)")
      guard found == ["ok"] else {
        throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: found.first)
      }
    }
  }

  private static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .immediateError
    configuration.prepareDatabase { db in try Pragmas.set(db) }
    return configuration
  }

  /// What a write may take its space from on a full disk.
  enum Reserve { case none, ballast }

  /// Runs `body` in one immediate transaction, synced before this returns.
  /// - Parameter reserve: `.ballast` for what ends work or says what happened to it
  func write<Value: Sendable>(
    _ operation: String, _ reserve: Reserve = .none,
    _ body: @escaping @Sendable (GRDB.Database) throws -> Value
  ) async throws -> Value {
    while true {
      do {
        return try await access(operation) { db in
          if let code = FaultPoint.code(.database, self.path) {
            throw DatabaseError(resultCode: Self.resultCode(code))
          }
          var value: Value?
          try db.inTransaction(.immediate) {
            value = try body(db)
            return .commit
          }
          guard let value else { throw StorageError.io(operation: operation, detail: "no result") }
          return value
        }
      } catch StorageError.diskFull where reserve == .ballast {
        let ballast = ballast
        guard try await BlockingIO.run({ ballast.release() }) else {
          throw StorageError.diskFull(operation: operation)
        }
      }
    }
  }

  /// - Throws: what a write would meet before it has written anything
  package func requireWritable() async throws {
    try await write("asking whether the database can be written") { _ in }
  }

  /// What SQLite makes of a failed system call.
  private static func resultCode(_ code: Int32) -> ResultCode {
    switch code {
    case ENOSPC, EDQUOT: .SQLITE_FULL
    case ENOMEM: .SQLITE_NOMEM
    case _ where Shortage.isShortage(code): .SQLITE_CANTOPEN
    default: .SQLITE_IOERR
    }
  }

  /// Reads without a transaction of its own; nothing stays open after it returns.
  func read<Value: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (GRDB.Database) throws -> Value
  ) async throws -> Value {
    try await access(operation) { db in try db.readOnly { try body(db) } }
  }

  func access<Value: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (GRDB.Database) throws -> Value
  ) async throws -> Value {
    do {
      return try await withCheckedThrowingContinuation { continuation in
        queue.asyncWriteWithoutTransaction { db in
          continuation.resume(with: Result { try body(db) })
        }
      }
    } catch {
      let translated = Self.translate(error, operation)
      if translated.isFatal { onFatal(translated) }
      // Errors of the caller's own (a duplicate, a refusal) pass as they are.
      if error is DatabaseError || error is StorageError { throw translated }
      throw error
    }
  }

  /// Ends the connection and gives the folder free; accesses after it fail.
  package func close() throws(StorageError) {
    do { try queue.close() } catch { throw Self.translate(error, "closing the database") }
    lock.release()
  }

  /// For whoever meets a fatal error in a file beside the database.
  package func report(_ error: any Error) {
    if let error = error as? StorageError, error.isFatal { onFatal(error) }
  }

  /// Name, value set and value found of each pragma, for tests and the version page.
  package func pragmas() async throws -> [String: String] {
    try await read("reading pragmas") { db in try Pragmas.read(db) }
  }

  /// The schema as SQLite keeps it: what migrations are compared by.
  package func schemaStatements() async throws -> [String] {
    try await read("reading the schema") { db in
      try String.fetchAll(
        db, sql: "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
    }
  }

  private static func translate(_ error: any Error, _ operation: String) -> StorageError {
    if let error = error as? StorageError { return error }
    guard let error = error as? DatabaseError else {
      return .undecodable(record: operation, detail: "\(error)")
    }
    switch error.resultCode {
    case .SQLITE_FULL: return .diskFull(operation: operation)
    // The transaction was undone; nothing was written.
    case .SQLITE_NOMEM: return .shortage(operation: operation, code: ENOMEM)
    case .SQLITE_CANTOPEN: return .shortage(operation: operation, code: EMFILE)
    case .SQLITE_BUSY, .SQLITE_LOCKED: return .alreadyOpen(path: "the database")
    case .SQLITE_CONSTRAINT, .SQLITE_ERROR, .SQLITE_MISMATCH, .SQLITE_TOOBIG, .SQLITE_RANGE:
      return .refused(operation: operation, detail: error.message ?? "no message")
    default:
      return .io(
        operation: operation,
        detail: "SQLite \(error.extendedResultCode): \(error.message ?? "no message")")
    }
  }
}

/// Held with `flock` from start to end of the process.
private final class LockFile: Sendable {
  private let held: Mutex<Int32?>

  init(_ file: URL) throws(StorageError) {
    let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileIO.error("opening \(file.lastPathComponent)") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .alreadyOpen(path: file.lastPathComponent)
    }
    held = Mutex(descriptor)
  }

  func release() {
    held.withLock { descriptor in
      guard let open = descriptor else { return }
      // A child between fork and exec still has the descriptor: closing alone would not unlock.
      flock(open, LOCK_UN)
      close(open)
      descriptor = nil
    }
  }

  deinit { release() }
}
