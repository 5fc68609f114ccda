import Contract
import Foundation
import Storage
import Testing

@Suite struct FilesTests {
  private static func step(_ step: Int) -> StepMetrics {
    StepMetrics(
      step: step, totalSteps: 100, loss: 0.5, instanceLoss: 0.25, priorLoss: 0.25,
      gradientNorm: 1, learningRate: 1e-5, seconds: 0.1)
  }

  @Test func `a blob has the name of its content and is stored once`() throws {
    let fixture = try StorageFixture()
    let blobs = BlobFolder(fixture.folder.blobs)
    let name = try blobs.store(Data("abc".utf8))
    #expect(name == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let file = fixture.folder.temporary.appending(path: "x")
    try Data("abc".utf8).write(to: file)
    #expect(try blobs.adopt(file) == name)
    #expect(!FileManager.default.fileExists(atPath: file.path))
    #expect(try Data(contentsOf: blobs.url(name)) == Data("abc".utf8))
    #expect(try blobs.list() == [name])
  }

  @Test func `collection moves unused blobs aside and removes torn writes`() throws {
    let fixture = try StorageFixture()
    let blobs = BlobFolder(fixture.folder.blobs)
    let kept = try blobs.store(Data("kept".utf8))
    let unused = try blobs.store(Data("unused".utf8))
    let torn = blobs.url(kept).appendingPathExtension("tmp")
    try Data("to".utf8).write(to: torn)
    let quarantine = Quarantine(fixture.folder, now: fixture.time.now)
    let moved = try blobs.collect(keeping: [kept], into: quarantine)
    #expect(moved.map(\.from) == ["blobs/\(unused.prefix(2))/\(unused)"])
    let aside = fixture.root.appending(path: try #require(moved.first).to)
    #expect(try Data(contentsOf: aside) == Data("unused".utf8))
    #expect(try blobs.list() == [kept])
    #expect(!FileManager.default.fileExists(atPath: torn.path))
  }

  @Test(arguments: ["/etc/passwd", "../x", "a/../b", "", "a//b", "./a", "a\0b", "a/"])
  func `P20 a path that could leave its folder is refused`(path: String) {
    #expect(throws: StorageError.unsafePath(path)) { try DataFolder.checkRelative(path) }
  }

  @Test func `plain relative paths pass`() throws {
    try DataFolder.checkRelative("unet/diffusion_pytorch_model.safetensors")
    try DataFolder.checkRelative("..a")
  }

  @Test func `a full device is told apart from a broken one`() {
    #expect(throws: StorageError.diskFull(operation: "writing full")) {
      let descriptor = open("/dev/full", O_WRONLY)
      defer { close(descriptor) }
      try FileIO.write(Data("x".utf8), to: descriptor, of: URL(filePath: "/dev/full"))
    }
    #expect(StorageError.io(operation: "", detail: "").isFatal)
    #expect(!StorageError.diskFull(operation: "").isFatal)
  }

  @Test func `metrics are read by step and stride`() throws {
    let fixture = try StorageFixture()
    let log = MetricLog(fixture.folder)
    try FileIO.createFolder(fixture.folder.job("j"))
    try log.append((1...10).map(Self.step), ofJob: "j")
    #expect(try log.read(ofJob: "j").items.map(\.step) == Array(1...10))
    let page = try log.read(ofJob: "j", sinceStep: 2, stride: 3, limit: 2)
    #expect(page.items.map(\.step) == [3, 6])
    #expect(page.hasMore)
    #expect(try log.read(ofJob: "none").items.isEmpty)
  }

  @Test func `a resumed run cuts its metrics back, torn line included`() throws {
    let fixture = try StorageFixture()
    let log = MetricLog(fixture.folder)
    try FileIO.createFolder(fixture.folder.job("j"))
    try log.append((1...10).map(Self.step), ofJob: "j")
    let file = fixture.folder.metrics(ofJob: "j")
    let handle = try FileHandle(forWritingTo: file)
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(#"{"v":1,"st"#.utf8))
    try handle.close()
    #expect(try log.read(ofJob: "j").items.count == 10)
    try log.rewind(toStep: 4, ofJob: "j")
    try log.append([Self.step(5)], ofJob: "j")
    #expect(try log.read(ofJob: "j").items.map(\.step) == [1, 2, 3, 4, 5])
    try log.rewind(toStep: 0, ofJob: "j")
    #expect(try log.read(ofJob: "j").items.isEmpty)
  }

  @Test func `ids are sortable, unique and recognised`() {
    let time = ManualTime()
    let ids = Identifiers(time: time)
    var made: [String] = []
    for index in 0..<1000 {
      made.append(ids.next(.job))
      if index == 500 { time.advance(milliseconds: -60_000) }
    }
    #expect(made == made.sorted())
    #expect(Set(made).count == made.count)
    #expect(made.allSatisfy { Identifiers.isValid($0, .job) })
    #expect(!Identifiers.isValid(made[0], .dataset))
    #expect(!Identifiers.isValid("job_../../../etc/passwd000000", .job))
  }

  @Test func `times are RFC 3339 in UTC with milliseconds, both ways`() throws {
    for milliseconds: Int64 in [0, 1, 999, 1_790_000_000_123, 1_790_000_000_999] {
      let time = Timestamp(milliseconds: milliseconds)
      #expect(Timestamp(time.description) == time)
    }
    #expect(Timestamp(milliseconds: 1_789_984_800_007).description == "2026-09-21T10:00:00.007Z")
    #expect(Timestamp("yesterday") == nil)
  }
}
