import Foundation
import Storage
import Testing

@Suite struct FolderIdentityTests {
  private func start(_ fixture: StorageFixture, adopting: Bool = false) async throws -> Stores {
    if !adopting { try FolderIdentity.requireDatabase(fixture.folder) }
    let stores = try await fixture.open()
    do {
      try await FolderIdentity.check(fixture.folder, stores.database, adopting: adopting)
    } catch {
      try stores.database.close()
      throw error
    }
    return stores
  }

  /// A folder with one job, one blob and one result, as a stopped service leaves it.
  private func used() async throws -> StorageFixture {
    let fixture = try StorageFixture()
    let stores = try await start(fixture)
    let job = try await stores.queued()
    _ = try stores.blobs.store(Data("a photo".utf8))
    try FileIO.createFolder(fixture.folder.job(job.id))
    try Data("a result".utf8).write(to: fixture.folder.log(ofJob: job.id))
    try stores.database.close()
    return fixture
  }

  private func files(_ fixture: StorageFixture) throws -> [String] {
    try [fixture.folder.blobs, fixture.folder.jobs].flatMap {
      try FileManager.default.subpathsOfDirectory(atPath: $0.path).sorted()
    }
  }

  @Test(arguments: ["missing", "empty", "new"])
  func `files without their database refuse to start unless adopted`(kind: String) async throws {
    let fixture = try await used()
    let before = try files(fixture)
    try FileIO.remove(fixture.folder.database)
    try FileIO.remove(fixture.root.appending(path: "dreambooth.db-wal"))
    if kind == "empty" { try Data().write(to: fixture.folder.database) }
    if kind == "new" { try await fixture.open().database.close() }
    await #expect(throws: StorageError.databaseMissing(folder: fixture.folder.root.path)) {
      _ = try await start(fixture)
    }
    #expect(try files(fixture) == before)
    try await start(fixture, adopting: true).database.close()
    #expect(try files(fixture) == before)
  }

  @Test func `the database of another folder is refused unless adopted`() async throws {
    let (fixture, other) = (try await used(), try await used())
    try FileIO.remove(fixture.folder.database)
    try FileManager.default.copyItem(at: other.folder.database, to: fixture.folder.database)
    await #expect(throws: StorageError.foreignDatabase(fixture.folder.root.path)) {
      _ = try await start(fixture)
    }
    try await start(fixture, adopting: true).database.close()
    try await start(fixture).database.close()
  }

  @Test func `a folder's own database of yesterday starts`() async throws {
    let fixture = try await used()
    let backup = try Data(contentsOf: fixture.folder.database)
    let stores = try await start(fixture)
    try await stores.queued()
    try stores.database.close()
    try backup.write(to: fixture.folder.database)
    try await start(fixture).database.close()
  }

  @Test func `a hundred random damages cost no photo and no result`() async throws {
    let fixture = try await used()
    let before = try files(fixture)
    let whole = try Data(contentsOf: fixture.folder.database)
    var state: UInt64 = 20_261_127
    func random(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    var refused = 0
    for round in 0..<100 {
      var damaged = whole
      if round % 5 == 4 {
        damaged.removeLast(1 + random(whole.count - 1))
      } else {
        for _ in 0..<8 { damaged[random(whole.count)] ^= UInt8(1 << random(8)) }
      }
      try damaged.write(to: fixture.folder.database)
      try FileIO.remove(fixture.root.appending(path: "dreambooth.db-wal"))
      do {
        let stores = try await start(fixture)
        let kept = try? await stores.datasets.usedBlobs()
        if let kept {
          let quarantine = Quarantine(fixture.folder, now: fixture.time.now)
          let moved = try stores.blobs.collect(keeping: kept, into: quarantine)
          for entry in moved {
            let (from, to) = (
              fixture.root.appending(path: entry.from), fixture.root.appending(path: entry.to)
            )
            #expect(try Data(contentsOf: to) == Data("a photo".utf8))
            try FileIO.renameDurably(to, to: from)
          }
        }
        try? stores.database.close()
      } catch {
        refused += 1
      }
      #expect(try files(fixture) == before)
    }
    #expect(refused > 20)
  }

  @Test func `a folder made open to everybody is closed`() async throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "open-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: false)
    let name = root.appending(path: "dreambooth.db")
    try Data().write(to: name)
    for item in [root, name] {
      try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: item.path)
    }
    let database = try Database(DataFolder(root)) { Issue.record("\($0)") }
    for (item, mode) in [(root, 0o700), (name, 0o600)] {
      let found = try FileManager.default.attributesOfItem(atPath: item.path)[.posixPermissions]
      #expect(found as? Int == mode)
    }
    try database.close()
  }
}
