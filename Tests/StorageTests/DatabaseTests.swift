import Foundation
import Storage
import Testing

@Suite struct DatabaseTests {
  @Test func `every pragma reads back as set`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let pragmas = try await stores.database.pragmas()
    #expect(pragmas["journal_mode"] == "wal")
    #expect(pragmas["synchronous"] == "2")
    #expect(pragmas["locking_mode"] == "exclusive")
    #expect(pragmas["foreign_keys"] == "1")
    #expect(pragmas["trusted_schema"] == "0")
    #expect(pragmas["cell_size_check"] == "1")
    #expect(pragmas["mmap_size"] == "0")
  }

  @Test func `a second opening of the folder is refused while the first lives`() async throws {
    let fixture = try StorageFixture()
    let first = try await fixture.open()
    #expect(throws: StorageError.alreadyOpen(path: "dreambooth.lock")) {
      try fixture.openDatabase()
    }
    _ = try await first.jobs.counts()
  }

  @Test func `exclusive locking leaves no shared memory file`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    try await stores.queued()
    let names = try FileManager.default.contentsOfDirectory(atPath: fixture.root.path)
    #expect(names.contains("dreambooth.db-wal"))
    #expect(!names.contains("dreambooth.db-shm"))
  }

  @Test func `a file that is no database is refused at start`() throws {
    let fixture = try StorageFixture()
    try Data(repeating: 7, count: 8192).write(to: fixture.folder.database)
    do {
      _ = try fixture.openDatabase()
      Issue.record("a file of garbage was opened")
    } catch let error as StorageError {
      #expect(error.refusesFolder)
    }
  }

  @Test func `a database damaged under the service stops it`() async throws {
    let fixture = try StorageFixture()
    do {
      let stores = try await fixture.open()
      for _ in 0..<200 { try await stores.queued() }
      try stores.database.close()
    }
    let handle = try FileHandle(forWritingTo: fixture.folder.database)
    // The schema lies in the first pages, the rows behind it.
    let pages = try handle.seekToEnd() / 4096
    for page in pages * 3 / 4..<pages {
      try handle.seek(toOffset: page * 4096)
      try handle.write(contentsOf: Data(repeating: 0xFF, count: 4096))
    }
    try handle.close()
    let jobs = Stores(fixture.folder, try fixture.openDatabase(checking: false), time: fixture.time)
      .jobs
    await #expect(throws: StorageError.self) {
      _ = try await jobs.list(JobFilter(), PageRequest(limit: 100))
    }
    #expect(fixture.fatalErrors.count == 1)
  }
}
