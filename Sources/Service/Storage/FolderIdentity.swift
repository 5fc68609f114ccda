import Foundation
import GRDB
import Glibc

/// Whether a database belongs to the folder that it lies in. Each holds the same id; a start that finds
/// none, or another one, refuses before anything is moved.
package enum FolderIdentity {
  /// Before the database is opened, and so created: a folder with contents must have had one.
  package static func requireDatabase(_ folder: DataFolder) throws(StorageError) {
    var status = stat()
    let isThere = stat(folder.database.path, &status) == 0
    // No permission to look is not absence.
    if !isThere, errno != ENOENT { throw FileIO.error("looking for the database") }
    if !isThere || status.st_size == 0, holdsFiles(folder) {
      throw .databaseMissing(folder: folder.root.path)
    }
  }

  /// After the migrations: compares ids, and notes the id where there was none.
  /// - Parameter adopting: takes this database for this folder, whatever was here before
  package static func check(
    _ folder: DataFolder, _ database: Database, adopting: Bool
  ) async throws {
    let marker = try read(folder.marker)
    let candidate = marker ?? UUID().uuidString.lowercased()
    let (found, jobs) = try await database.write("comparing the data folder's id") {
      db -> (String, Int) in
      try db.execute(
        sql: "CREATE TABLE IF NOT EXISTS data_folder (id TEXT PRIMARY KEY NOT NULL) STRICT")
      let known = try String.fetchOne(db, sql: "SELECT id FROM data_folder")
      if known == nil {
        try db.execute(sql: "INSERT INTO data_folder VALUES (?)", arguments: [candidate])
      }
      return (known ?? candidate, try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM datasets") ?? 0)
    }
    if !adopting {
      if marker != nil, marker != found { throw StorageError.foreignDatabase(folder.root.path) }
      if jobs == 0, holdsFiles(folder) {
        throw StorageError.databaseMissing(folder: folder.root.path)
      }
    }
    if marker != found { try FileIO.writeDurably(Data((found + "\n").utf8), to: folder.marker) }
  }

  private static func read(_ marker: URL) throws -> String? {
    guard FileIO.exists(marker) else { return nil }
    return try String(contentsOf: marker, encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func holdsFiles(_ folder: DataFolder) -> Bool {
    [folder.blobs, folder.jobs].contains { place in
      let paths = FileManager.default.enumerator(at: place, includingPropertiesForKeys: nil)
      while let item = paths?.nextObject() as? URL {
        var status = stat()
        if lstat(item.path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR { return true }
      }
      return false
    }
  }
}
