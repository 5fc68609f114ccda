import Foundation
import Testing

/// The README's lines work as pasted.
@Suite struct ReadmeTests {
  /// Shell blocks that follow the mark, in order.
  private static func blocks() throws -> [String] {
    let text = try String(
      contentsOf: RunningService.root.appending(path: "README.md"), encoding: .utf8)
    return text.components(separatedBy: "<!-- pasted by the tests -->\n```sh\n").dropFirst()
      .compactMap { $0.components(separatedBy: "\n```").first }
  }

  @Test func `every line of the README's shell blocks succeeds`() async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    let blocks = try Self.blocks()
    #expect(blocks.count == 4)
    // --fail-with-body: an error answer fails the line, as a reader would notice it.
    let script = blocks.joined(separator: "\n")
      .replacingOccurrences(of: "http://127.0.0.1:8080", with: service.url)
      .replacingOccurrences(of: ".build/release/dreambooth", with: RunningService.binary.path)
      .replacingOccurrences(of: "curl -sS", with: "curl -sS --fail-with-body")
      // The job of the reader runs for minutes; the test needs its first answer only.
      .replacingOccurrences(
        of: #""class_noun":"dog","base_model":"starter""#,
        with:
          #""class_noun":"dog","base_model":"starter","method":{"type":"dreambooth","prior":{"images":2,"steps":2}},"#
          + #""training":{"steps":2},"samples":{"seeds":[1],"steps":2}"#
      )
      .replacingOccurrences(of: #""steps":600"#, with: #""steps":2"#)
    let end =
      "until curl -sS \"\(service.url)/v1/jobs/$JOB\" | grep -q succeeded; do sleep 0.2; done\n"
    var lines = script.components(separatedBy: "\n")
    let first = try #require(lines.firstIndex { $0.contains("grid.png") })
    lines.insert(end, at: first)
    // Cancelling a finished job is refused, as it should be; the line is tried on its own below.
    let cancel = lines.filter { $0.contains("/cancel") }
    #expect(cancel.count == 1)
    lines.removeAll { $0.contains("/cancel") }

    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments = ["-euo", "pipefail", "-c", lines.joined(separator: "\n")]
    shell.currentDirectoryURL = folder
    let log = folder.appending(path: "output.log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let output = try FileHandle(forWritingTo: log)
    shell.standardOutput = output
    shell.standardError = output
    try shell.run()
    while shell.isRunning { try await Task.sleep(for: .milliseconds(50)) }
    #expect(
      shell.terminationStatus == 0, "\((try? String(contentsOf: log, encoding: .utf8)) ?? "")")
    let grid = try Data(contentsOf: folder.appending(path: "grid.png"))
    #expect(grid.count > 1000)
    #expect(try await service.stop() == 0)
  }
}
