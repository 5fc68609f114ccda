import Foundation
import TestSupport
import Testing

/// What `deploy/install.sh` leaves runs on a machine that has never seen the compiler.
struct InstallTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, said: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "BIN": RunningService.binary.path]
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let said = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }

  private func install(_ arguments: [String]) throws -> (code: Int32, said: String) {
    let script = RunningService.root.appending(path: "deploy/install.sh").path
    return try run("/bin/sh", [script] + arguments)
  }

  @Test("The staged program needs no library of the Swift toolchain")
  func librariesOfTheSystemOnly() throws {
    let staged = try install(["--destdir", folder.url.path, "--prefix", "/opt/dream-booth"])
    #expect(staged.code == 0, "\(staged.said)")
    let program = folder.url.appending(path: "opt/dream-booth/bin/dreambooth").path
    let libraries = try run("/usr/bin/ldd", [program])
    #expect(libraries.code == 0)
    let lines = libraries.said.split(separator: "\n").map(String.init)
    #expect(lines.contains { $0.contains("libsqlite3") }, "\(libraries.said)")
    #expect(lines.filter { $0.contains("not found") || $0.lowercased().contains("swift") } == [])
    #expect(
      lines.filter { $0.contains("=>") && !$0.contains("=> /lib") && !$0.contains("=> /usr/lib") }
        == [])
  }

  @Test(
    "The unit names the program where the prefix puts it, and uninstalling leaves settings alone")
  func installsAndRemoves() throws {
    let arguments = ["--destdir", folder.url.path, "--prefix", "/srv/db+1"]
    #expect(try install(arguments).code == 0)
    let files = FileManager.default
    let unit = folder.url.appending(path: "etc/systemd/system/dreambooth.service")
    let text = try String(contentsOf: unit, encoding: .utf8)
    #expect(text.contains("ExecStart=/srv/db+1/bin/dreambooth serve"))
    let settings = folder.url.appending(path: "etc/dreambooth/settings.json")
    try Data("{\"port\": 9}".utf8).write(to: settings)
    #expect(try install(arguments).code == 0, "running it again upgrades")
    #expect(try Data(contentsOf: settings) == Data("{\"port\": 9}".utf8))

    #expect(try install(["--uninstall"] + arguments).code == 0)
    #expect(!files.fileExists(atPath: unit.path))
    #expect(!files.fileExists(atPath: folder.url.appending(path: "srv/db+1/bin/dreambooth").path))
    #expect(files.fileExists(atPath: settings.path))
  }

  @Test(
    "A prefix that a unit file cannot hold is refused before anything is written",
    arguments: ["/opt/my tools", "/opt/a|b", "relative", "/opt/50%", "/opt/a&b", ""])
  func refusesPrefixes(prefix: String) throws {
    let refused = try install(["--destdir", folder.url.path, "--prefix", prefix])
    #expect(refused.code == 2)
    #expect(refused.said.contains("--prefix"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  @Test("A program that does not start is not installed over one that does")
  func keepsTheOneThatStarts() throws {
    #expect(try install(["--destdir", folder.url.path]).code == 0)
    let broken = folder.url.appending(path: "broken")
    try Data("#!/bin/sh\nexit 127\n".utf8).write(to: broken)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: broken.path)
    let script = RunningService.root.appending(path: "deploy/install.sh").path
    let refused = try run(
      "/usr/bin/env", ["BIN=\(broken.path)", "/bin/sh", script, "--destdir", folder.url.path])
    #expect(refused.code == 2)
    let program = folder.url.appending(path: "usr/local/bin/dreambooth")
    #expect(try run(program.path, ["--help"]).code == 0)
  }
}
