import ArgumentParser
import Foundation
import Storage

/// Applies the database's migrations, or says which ones would be applied.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Applies database migrations, or says what would be applied.",
    discussion: "The service must not be running: it holds the database, and migrates at its start."
  )

  @Option(help: ArgumentHelp("Folder of everything that is stored.", valueName: "dir"))
  var data: String?
  @Option(help: ArgumentHelp("Folder with migrations and openapi.yaml.", valueName: "dir"))
  var share: String?
  @Flag(help: "Says what would be applied and changes nothing.")
  var dryRun = false

  func run() async throws {
    let configuration = try ServiceConfiguration(
      file: nil, environment: ProcessInfo.processInfo.environment,
      flags: ["data": data, "share": share].compactMapValues { $0 })
    let migrator = try Migrator(folder: ShareFolder(configuration.share).migrations)
    let root = URL(fileURLWithPath: configuration.data)
    if dryRun, !FileManager.default.fileExists(atPath: root.path) {
      for migration in migrator.migrations { print("would apply \(migration.name)") }
      return
    }
    let database: Database
    do {
      let folder = try DataFolder(root)
      try FolderIdentity.requireDatabase(folder)
      database = try Database(folder) { error in
        FileHandle.standardError.write(Data("error: \(error)\n".utf8))
        _exit(ServeExit.storage)
      }
    } catch let error as StorageError {
      throw UsageError("\(error)")
    }
    if dryRun {
      let pending = try await migrator.pending(database)
      for migration in pending { print("would apply \(migration.name)") }
      if pending.isEmpty { print("nothing to apply") }
      return
    }
    let applied = try await migrator.apply(database, now: SystemTime().now)
    for migration in applied { print("applied \(migration.name)") }
    if applied.isEmpty { print("nothing to apply") }
  }
}
