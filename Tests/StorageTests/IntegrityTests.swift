import Foundation
import Glibc
import Storage
import Synchronization
import Testing

@Suite struct IntegrityTests {
  private let fixture: StorageFixture
  private let file: URL
  private let bytes = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
  private let integrity = FileIntegrity()

  init() throws {
    fixture = try StorageFixture()
    file = fixture.root.appending(path: "weights")
    try bytes.write(to: file)
  }

  private var digest: String { FileHash.sha256(bytes) }

  @Test func `a whole file is read once, and again only when the kernel says that it changed`()
    async throws
  {
    for _ in 0..<3 { try await integrity.require(file, bytes: bytes.count, sha256: digest) }
    #expect(integrity.bytesRead == bytes.count)
    try bytes.write(to: file, options: .atomic)
    try await integrity.require(file, bytes: bytes.count, sha256: digest)
    #expect(integrity.bytesRead == 2 * bytes.count)
  }

  @Test(arguments: [0, 1, 150_000, 299_999])
  func `a flipped bit is found, wherever it is`(offset: Int) async throws {
    try await integrity.require(file, bytes: bytes.count, sha256: digest)
    var flipped = bytes
    flipped[offset] ^= 0x10
    try flipped.write(to: file)
    for _ in 0..<2 {
      await #expect {
        try await integrity.require(file, bytes: bytes.count, sha256: digest)
      } throws: { "\($0)".contains("weights is damaged: its SHA-256 is") }
    }
  }

  @Test func `a file that is cut, longer, missing or a link is damaged`() async throws {
    let link = fixture.root.appending(path: "link")
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: file)
    await #expect(throws: StorageError.self) {
      try await integrity.require(link, bytes: bytes.count, sha256: digest)
    }
    for (content, said) in [
      (bytes.prefix(100), "it has 100 bytes, and 300000 were stored"),
      (bytes + Data([0]), "it has 300001 bytes, and 300000 were stored"), (nil, "it is missing"),
    ] {
      try FileIO.remove(file)
      try content?.write(to: file)
      await #expect(throws: StorageError.damaged(file: "weights", detail: said)) {
        try await integrity.require(file, bytes: bytes.count, sha256: digest)
      }
    }
  }

  @Test(arguments: [EIO, EACCES, EMFILE, ENFILE, ENOMEM, EAGAIN, ESTALE])
  func `a read that fails proves nothing`(code: Int32) async throws {
    for call in [FaultPoint.Call.open, .read] {
      FaultPoint.arm(under: fixture.root) { failing, _ in failing == call ? code : nil }
      defer { FaultPoint.arm(under: fixture.root, nil) }
      await #expect {
        try await FileIntegrity().require(file, bytes: bytes.count, sha256: digest)
      } throws: { ($0 as? StorageError)?.isPassing == true }
    }
  }

  @Test func `reading afresh trusts nothing that is remembered`() throws {
    for afresh in [false, true, true] {
      try integrity.check(file, bytes: bytes.count, sha256: digest, afresh: afresh)
    }
    #expect(integrity.bytesRead == 3 * bytes.count)
  }

  @Test func `a damaged blob is put right by the same photo, sent again`() throws {
    let blobs = BlobFolder(fixture.folder.blobs)
    let name = try blobs.store(bytes)
    try Data("another picture".utf8).write(to: blobs.url(name))
    let upload = fixture.folder.temporary.appending(path: "upload")
    try bytes.write(to: upload)
    #expect(try blobs.adopt(upload) == name)
    #expect(try Data(contentsOf: blobs.url(name)) == bytes)
    try Data().write(to: blobs.url(name))
    #expect(try blobs.store(bytes) == name)
    #expect(try Data(contentsOf: blobs.url(name)) == bytes)
  }
}

@Suite struct BallastTests {
  private struct Disk: DiskSpace {
    var free: Int64
    func freeBytes(at folder: URL) -> Int64 { free }
  }

  @Test func `it is built where the watermark stays free, and found again after a restart`() throws
  {
    let fixture = try StorageFixture()
    let database = try fixture.openDatabase()
    #expect(database.ballast.missing == Ballast.size)
    try database.ballast.rebuild(leaving: 100, Disk(free: Int64(Ballast.size) + 99))
    #expect(database.ballast.missing == Ballast.size)
    try database.ballast.rebuild(leaving: 100, Disk(free: Int64(Ballast.size) + 100))
    #expect(database.ballast.missing == 0)
    var status = stat()
    #expect(stat(fixture.folder.ballast.path, &status) == 0)
    #expect(Int(status.st_blocks) * 512 >= Ballast.size)
    #expect(status.st_mode & 0o077 == 0)
    try database.close()
    #expect(try fixture.openDatabase().ballast.missing == 0)
  }

  @Test func `on a full disk a job is cancelled out of the ballast, and none is made`() async throws
  {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    try stores.database.ballast.rebuild(leaving: 0, SystemDisk())
    let job = try await stores.queued()
    // The database finds room only once some of the ballast is gone.
    let ballast = stores.database.ballast
    FaultPoint.arm(under: fixture.root) { call, _ in
      call == .database && ballast.missing < 3 << 20 ? ENOSPC : nil
    }
    defer { FaultPoint.arm(under: fixture.root, nil) }
    await #expect(throws: StorageError.diskFull(operation: "creating a job")) {
      _ = try await stores.validating()
    }
    #expect(ballast.missing == 0)
    let move = JobMove(to: .cancelled, from: [.queued])
    #expect(try await stores.jobs.move(job.id, move)?.status == .cancelled)
    #expect(ballast.missing == 3 << 20)
    #expect(fixture.fatalErrors.isEmpty)
  }

  @Test func `with the ballast used up a move is refused, not lost`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    try stores.database.ballast.rebuild(leaving: 0, SystemDisk())
    let job = try await stores.queued()
    FaultPoint.arm(under: fixture.root) { call, _ in call == .database ? ENOSPC : nil }
    let move = JobMove(to: .cancelled, from: [.queued])
    await #expect(throws: StorageError.self) { _ = try await stores.jobs.move(job.id, move) }
    #expect(stores.database.ballast.missing == Ballast.size)
    FaultPoint.arm(under: fixture.root, nil)
    #expect(try await stores.jobs.find(job.id)?.status == .queued)
  }
}
