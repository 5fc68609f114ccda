import Foundation
import Storage

extension Database {
  /// The schema as SQLite keeps it, in order of names.
  func schema() async throws -> [String] { try await schemaStatements() }
}

extension StorageFixture {
  /// A migrations folder with the shipped files and `extra` ones.
  func migrations(adding extra: [String: String]) throws -> URL {
    let folder = root.appending(path: "migrations-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: Self.migrations, to: folder)
    for (name, sql) in extra {
      try Data(sql.utf8).write(to: folder.appending(path: name))
    }
    return folder
  }

  /// The number of a migration that comes `offset` after the shipped ones: `v0002`.
  func nextMigration(_ offset: Int = 1) throws -> String {
    let shipped = try Migrator(folder: Self.migrations).migrations.count
    return "v" + String(shipped + offset + 10_000).dropFirst()
  }
}
