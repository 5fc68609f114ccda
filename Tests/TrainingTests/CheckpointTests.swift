import Foundation
import TestSupport
import Testing
import Training

@Suite struct CheckpointTests {
  private let parent: TemporaryFolder

  init() throws { parent = try TemporaryFolder() }

  @discardableResult
  private func write(step: Int, identity: Checkpoint.Identity = ["a": "1"]) throws -> Checkpoint {
    try Checkpoint.write(step: step, identity: identity, in: parent.url, keep: 2) { folder in
      try Data("weights of step \(step), long enough to be cut".utf8)
        .write(to: folder.appending(path: "weights"))
      try Data("log".utf8).write(to: folder.appending(path: "log"))
    }
  }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: parent.url.path).sorted() }
  }

  private func expectRefusal(
    _ folder: URL, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(what, sourceLocation: sourceLocation) {
      try Checkpoint(opening: folder)
    } throws: {
      if case .checkpointCorrupt? = $0 as? TrainingError { true } else { false }
    }
  }

  @Test func `P7 a checkpoint is what its manifest says, and two are kept`() throws {
    for step in [100, 200, 300] { try write(step: step) }
    #expect(try names == ["step-000200", "step-000300"])
    let newest = try #require(try Checkpoint.newest(in: parent.url))
    #expect(newest.manifest.step == 300)
    #expect(newest.manifest.files.map(\.name) == ["log", "weights"])
  }

  @Test func `P7 a file cut at any length is refused`() throws {
    let file = try write(step: 1).folder.appending(path: "weights")
    let whole = try Data(contentsOf: file)
    for length in 0..<whole.count {
      try whole.prefix(length).write(to: file)
      expectRefusal(parent.file("step-000001"), "cut at \(length)")
    }
    try whole.write(to: file)
    _ = try Checkpoint(opening: parent.file("step-000001"))
  }

  static let files = ["weights", "log", "manifest.json", "manifest.sha256"]

  @Test(arguments: files)
  func `P7 a flipped bit in any file is refused`(name: String) throws {
    let folder = try write(step: 1).folder
    let file = folder.appending(path: name)
    let whole = try Data(contentsOf: file)
    for offset in whole.indices {
      var damaged = whole
      damaged[offset] ^= 1 << (offset % 8)
      try damaged.write(to: file)
      expectRefusal(folder, "flip at \(offset)")
    }
  }

  @Test(arguments: files)
  func `P7 a missing file is refused`(name: String) throws {
    let folder = try write(step: 1).folder
    try FileManager.default.removeItem(at: folder.appending(path: name))
    expectRefusal(folder, "\(name)")
  }

  @Test func `P7 a file that the manifest does not know is refused`() throws {
    let folder = try write(step: 1).folder
    try Data().write(to: folder.appending(path: "extra"))
    expectRefusal(folder, "extra")
  }

  @Test func `P7 the newest good one is found behind a damaged one`() throws {
    try write(step: 1)
    let damaged = try write(step: 2).folder
    try Data("x".utf8).write(to: damaged.appending(path: "weights"))
    #expect(try Checkpoint.newest(in: parent.url)?.manifest.step == 1)
  }

  @Test func `P7 a write that fails leaves the old one and nothing else`() throws {
    try write(step: 1)
    struct Failure: Error {}
    #expect(throws: Failure.self) {
      try Checkpoint.write(step: 2, identity: [:], in: parent.url, keep: 1) { folder in
        try Data("half".utf8).write(to: folder.appending(path: "weights"))
        throw Failure()
      }
    }
    #expect(try names == ["step-000001"])
    _ = try Checkpoint(opening: parent.file("step-000001"))
  }

  @Test func `what a killed writer left is swept, or written over`() throws {
    let left = parent.file(".partial-step-000002")
    for _ in 0..<2 {
      try FileManager.default.createDirectory(at: left, withIntermediateDirectories: true)
      try Data("old".utf8).write(to: left.appending(path: "weights"))
      try write(step: 2)
      #expect(try names == ["step-000002"])
    }
    try FileManager.default.createDirectory(at: left, withIntermediateDirectories: true)
    try Durable.sweep(parent.url)
    #expect(try names == ["step-000002"])
  }

  @Test func `the same step may be written again`() throws {
    try write(step: 2, identity: ["a": "1"])
    try write(step: 2, identity: ["a": "2"])
    #expect(try names == ["step-000002"])
    #expect(try Checkpoint(opening: parent.file("step-000002")).manifest.identity == ["a": "2"])
  }

  @Test(arguments: [["a": "2"], [:], ["a": "1", "b": "1"]])
  func `P8 another identity is refused with the field's name`(identity: Checkpoint.Identity) throws
  {
    let checkpoint = try write(step: 1, identity: ["a": "1"])
    try checkpoint.require(["a": "1"])
    #expect {
      try checkpoint.require(identity)
    } throws: {
      guard case .resumeIncompatible(let field, _, _)? = $0 as? TrainingError else { return false }
      return field == (identity.count == 2 ? "b" : "a")
    }
  }
}
