import Foundation
import Testing

/// Calls and shapes that the rules forbid (docs/ARCHITECTURE.md, section 6).
@Suite struct ForbiddenTests {
  @Test func `no forced unwrap, forced try or planned crash`() throws {
    let patterns = [#"\btry!"#, #"\bas!"#, #"\bfatalError\("#, #"\bTODO\b"#, #"\bFIXME\b"#]
    for pattern in patterns {
      let regex = try Regex(pattern)
      for file in try SourceTree.files(in: "Sources") {
        for (number, line) in file.lines.enumerated() where line.contains(regex) {
          Issue.record("\(file.path):\(number + 1): \(line)")
        }
      }
    }
  }

  @Test func `the engine draws only from Philox and reads no clock for results`() throws {
    let regex = try Regex(
      #"SystemRandomNumberGenerator|\.random\((in|using):|\barc4random|\bUUID\(\)|\bdrand48"#)
    for file in try SourceTree.files(in: "Sources/Engine") {
      for (number, line) in file.lines.enumerated() where line.contains(regex) {
        Issue.record("\(file.path):\(number + 1): \(line)")
      }
    }
  }

  @Test func `SQL is written in Storage only`() throws {
    let regex = try Regex(
      #"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b.*\b(FROM|VALUES|SET|WHERE)\b"#)
    for file in try SourceTree.files(in: "Sources") where file.target != "Storage" {
      for (number, line) in file.lines.enumerated()
      where line.contains(regex) && !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") {
        Issue.record("\(file.path):\(number + 1): \(line)")
      }
    }
  }

  @Test func `no path of a developer's machine`() throws {
    let regex = try Regex(#"/(home|Users|root|work)/"#)
    for folder in ["Sources", "Tests", "docs", "deploy", "Tools"] {
      for suffix in [".swift", ".md", ".py", ".sh", ".service", ".c", ".cpp", ".h"] {
        for file in try SourceTree.files(in: folder, suffix: suffix)
        where !file.path.hasPrefix("Tests/ArchitectureTests") {
          for (number, line) in file.lines.enumerated() where line.contains(regex) {
            Issue.record("\(file.path):\(number + 1): \(line)")
          }
        }
      }
    }
  }

  @Test func `files stay small: past 400 lines a file holds two ideas`() throws {
    for file in try SourceTree.files(in: "Sources") {
      #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count) lines")
    }
  }

  @Test func `no folder is called Utils or Common`() throws {
    for file in try SourceTree.files(in: "Sources") {
      let folders = file.path.split(separator: "/").dropLast().map { $0.lowercased() }
      #expect(
        Set(["utils", "util", "common", "helpers", "misc"]).isDisjoint(with: folders),
        "\(file.path)")
    }
  }
}
