import Contract
import Foundation
import Jobs
import Storage
import Testing

/// The decoder child as seen from the parent: whatever it does, a verdict comes of it.
@Suite(.serialized) struct ChildPhotoDecoderTests {
  private static let png = "not really a PNG, but its bytes"

  private func decode(
    _ script: String, timeout: Duration = .seconds(20)
  ) async throws -> (decoded: DecodedPhoto, left: [String]) {
    let root = FileManager.default.temporaryDirectory.appending(path: "decode-\(UUID().uuidString)")
    let out = root.appending(path: "out")
    try FileIO.createFolder(out)
    defer { try? FileManager.default.removeItem(at: root) }
    let (file, photo) = (root.appending(path: "decode.sh"), root.appending(path: "photo"))
    try Data(script.utf8).write(to: file)
    try Data("photo\n".utf8).write(to: photo)
    var configuration = JobsConfiguration(threads: 1)
    configuration.executable = URL(filePath: "/bin/sh")
    configuration.decodeArguments = [file.path]
    configuration.childEnvironment = ["PATH": "/usr/bin:/bin"]
    configuration.decodeTimeout = timeout
    let decoded = try await ChildPhotoDecoder(configuration).decode(
      photo, targetSide: 256, into: out)
    if let pixels = decoded.pixels {
      #expect(try String(contentsOf: pixels, encoding: .utf8) == Self.png)
    }
    return (decoded, try FileManager.default.contentsOfDirectory(atPath: out.path))
  }

  private func answer(pngBytes: Int, _ findings: [ImageFinding] = []) throws -> String {
    let result = DecodeResult(findings: findings, width: 4, height: 3, pngBytes: pngBytes)
    let line = String(decoding: try EventLine.encode(result), as: UTF8.self)
    return "printf '%s\\n' '\(line.trimmingCharacters(in: .newlines))' >&3\n"
  }

  @Test func `a decoded photo comes back whole`() async throws {
    let script =
      try "read -r p; [ \"$p\" = photo ] || exit 1; [ \"$*\" = '--target-side 256' ] || exit 1\n"
      + answer(pngBytes: Self.png.utf8.count) + "printf '%s' '\(Self.png)' >&3\n"
    let (decoded, left) = try await decode(script)
    #expect(decoded.result.verdict == .accepted)
    #expect((decoded.result.width, decoded.result.height) == (4, 3))
    #expect(decoded.pixels != nil)
    #expect(left.count == 1)
  }

  @Test func `a rejection is passed on`() async throws {
    let finding = ImageFinding(.tooManyPixels, "30000 x 30000")
    let (decoded, left) = try await decode(answer(pngBytes: 0, [finding]) + "exit 65\n")
    #expect(decoded.result.findings == [finding])
    #expect(decoded.pixels == nil)
    #expect(left.isEmpty)
  }

  @Test(arguments: [
    "kill -SEGV $$", "exit 0", "exit 1", "echo nonsense >&3", "printf half >&3",
    "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >&3; done",
    "while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >&3; done",
    "sleep 60",
  ])
  func `P16 a decoder that fails says undecodable`(script: String) async throws {
    let endless = script == "sleep 60" || script.hasPrefix("while")
    let (decoded, left) = try await decode(
      script + "\n", timeout: endless ? .milliseconds(300) : .seconds(20))
    #expect(decoded.result.findings.map(\.code) == [.undecodable])
    #expect(decoded.pixels == nil)
    #expect(left.isEmpty)
  }

  @Test(arguments: [-1, 1])
  func `P16 a picture of another size than announced is refused`(difference: Int) async throws {
    let script =
      try answer(pngBytes: Self.png.utf8.count + difference) + "printf '%s' '\(Self.png)' >&3\n"
    let (decoded, left) = try await decode(script)
    #expect(decoded.result.findings.map(\.code) == [.undecodable])
    #expect(left.isEmpty)
  }

  @Test func `a cancelled decode kills its child and leaves nothing`() async throws {
    let start = ContinuousClock.now
    let task = Task { try await decode("sleep 60\n", timeout: .seconds(60)) }
    try await Task.sleep(for: .milliseconds(200))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(ContinuousClock.now - start < .seconds(10))
  }
}
