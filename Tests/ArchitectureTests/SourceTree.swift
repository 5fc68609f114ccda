import Foundation

/// The source files of the package, read as text.
enum SourceTree {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  struct File {
    /// Path below the package: `Sources/Engine/Tensors/Tensor.swift`
    let path: String
    let lines: [Substring]

    /// Name of the target: the folder below `Sources`, or below `Sources/Engine` and `Sources/Service`.
    var target: String {
      let parts = path.split(separator: "/").map(String.init)
      return ["Engine", "Service"].contains(parts[1]) ? parts[2] : parts[1]
    }

    /// Modules named in `import` lines.
    var imports: [String] {
      lines.compactMap { line in
        let words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
        guard let at = words.firstIndex(of: "import"), at <= 1, words.count > at + 1,
          at == 0 || ["package", "internal", "private", "fileprivate"].contains(words[0])
        else { return nil }
        let name =
          words.count > at + 2 && ["struct", "class", "enum", "func"].contains(words[at + 1])
          ? words[at + 2] : words[at + 1]
        return name.split(separator: ".").first.map(String.init)
      }
    }
  }

  /// Files below `folder` that end in `suffix`, sorted by path.
  static func files(in folder: String, suffix: String = ".swift") throws -> [File] {
    let base = root.appending(path: folder)
    let names =
      FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
    return try names.filter { $0.hasSuffix(suffix) }.sorted().map { name in
      let text = try String(contentsOf: base.appending(path: name), encoding: .utf8)
      return File(
        path: "\(folder)/\(name)",
        lines: text.split(separator: "\n", omittingEmptySubsequences: false))
    }
  }
}
