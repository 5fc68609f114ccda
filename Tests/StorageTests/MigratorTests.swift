import Foundation
import Storage
import Testing

@Suite struct MigratorTests {
  private func shipped() throws -> Int {
    try Migrator(folder: StorageFixture.migrations).migrations.count
  }

  @Test func `step by step gives the schema that at once gives`() async throws {
    let (fixture, b) = (try StorageFixture(), try StorageFixture())
    let extra = [
      "\(try fixture.nextMigration())_notes.sql":
        "CREATE TABLE notes (id TEXT PRIMARY KEY) STRICT;",
      "\(try fixture.nextMigration(2))_notes_text.sql": "ALTER TABLE notes ADD COLUMN text TEXT;",
    ]
    let migrator = try Migrator(folder: fixture.migrations(adding: extra))
    let (stepwise, atOnce) = (try fixture.openDatabase(), try b.openDatabase())
    for version in 1...migrator.migrations.count {
      let applied = try await migrator.apply(stepwise, now: fixture.time.now, upTo: version)
      #expect(applied.count == 1)
    }
    #expect(
      try await migrator.apply(atOnce, now: b.time.now).count == migrator.migrations.count)
    #expect(try await stepwise.schema() == atOnce.schema())
    #expect(try await migrator.apply(atOnce, now: b.time.now).isEmpty)
  }

  @Test func `a newer database is refused`() async throws {
    let fixture = try StorageFixture()
    let database = try fixture.openDatabase()
    let extra = ["\(try fixture.nextMigration())_notes.sql": "CREATE TABLE notes (id TEXT) STRICT;"]
    try await Migrator(folder: fixture.migrations(adding: extra)).apply(
      database, now: fixture.time.now)
    let known = try shipped()
    await #expect(throws: StorageError.newerDatabase(found: known + 1, known: known)) {
      try await Migrator(folder: StorageFixture.migrations)
        .apply(database, now: fixture.time.now)
    }
  }

  @Test func `a changed file is refused by its checksum`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let name = try #require(Migrator(folder: StorageFixture.migrations).migrations.first).name
    let original = try String(
      contentsOf: StorageFixture.migrations.appending(path: name), encoding: .utf8)
    let changed = try fixture.migrations(adding: [name: original + "-- a later thought\n"])
    await #expect(throws: StorageError.changedMigration(name: name)) {
      try await Migrator(folder: changed).apply(stores.database, now: fixture.time.now)
    }
  }

  @Test func `a migration that fails leaves nothing of itself`() async throws {
    let fixture = try StorageFixture()
    let database = try fixture.openDatabase()
    let broken = "CREATE TABLE half (id TEXT) STRICT; CREATE TABLE half (id TEXT) STRICT;"
    let migrator = try Migrator(
      folder: fixture.migrations(adding: ["\(try fixture.nextMigration())_half.sql": broken]))
    await #expect(throws: StorageError.self) {
      try await migrator.apply(database, now: fixture.time.now)
    }
    #expect(try await migrator.pending(database).count == 1)
    #expect(try await !database.schema().contains { $0.contains("half") })
  }

  @Test func `a gap in the numbers is refused`() throws {
    let fixture = try StorageFixture()
    let gap = try fixture.migrations(adding: ["v0009_later.sql": "SELECT 1;"])
    #expect(throws: StorageError.self) { try Migrator(folder: gap) }
  }

  @Test func `an empty folder is refused`() throws {
    let fixture = try StorageFixture()
    #expect(throws: StorageError.noMigrations(path: fixture.folder.temporary.path)) {
      try Migrator(folder: fixture.folder.temporary)
    }
  }
}
