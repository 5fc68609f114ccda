package import Foundation

/// Files named by the SHA-256 of their content: `blobs/ab/abcdef...`. A file that has its name is whole.
package struct BlobFolder: Sendable {
  private let root: URL

  package init(_ root: URL) { self.root = root }

  package func url(_ sha256: String) -> URL {
    root.appending(path: String(sha256.prefix(2))).appending(path: sha256)
  }

  /// Stores bytes and returns their name. Blocks for the disk: call it through `BlockingIO`.
  package func store(_ data: Data) throws -> String {
    let name = FileHash.sha256(data)
    let file = url(name)
    if try isWhole(file, name) { return name }
    try FileIO.createFolder(file.deletingLastPathComponent())
    try FileIO.writeDurably(data, to: file)
    return name
  }

  /// Takes a finished file over: it is hashed, synced and renamed to its name.
  package func adopt(_ source: URL) throws -> String {
    let name = try FileHash.sha256(ofFile: source)
    let file = url(name)
    if try isWhole(file, name) {
      try FileIO.remove(source)
      return name
    }
    try FileIO.createFolder(file.deletingLastPathComponent())
    try FileIO.sync(source)
    try FileIO.renameDurably(source, to: file)
    return name
  }

  /// Whether the content is there already. What has decayed since is put right by what comes in now.
  private func isWhole(_ file: URL, _ name: String) throws -> Bool {
    do { return try FileHash.sha256(ofFile: file) == name } catch StorageError.notFound {
      return false
    }
  }

  /// Every stored name, sorted.
  package func list() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: root.path).compactMap { path in
      let name = path.split(separator: "/").last.map(String.init) ?? ""
      return name.utf8.count == 64 ? name : nil
    }.sorted()
  }

  /// Removes what an interrupted write left, and moves files that nothing refers to into quarantine: the
  /// database may be older than they are.
  package func collect(
    keeping used: Set<String>, into quarantine: Quarantine
  ) throws -> [Quarantine.Entry] {
    var moved: [Quarantine.Entry] = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: root.path).sorted() {
      let name = path.split(separator: "/").last.map(String.init) ?? ""
      let file = root.appending(path: path)
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder),
        !isFolder.boolValue, !used.contains(name)
      else { continue }
      if name.utf8.count == 68, name.hasSuffix(".tmp") {
        try FileIO.remove(file)
      } else {
        moved.append(
          try quarantine.take(file, because: "no photo in the database refers to this file"))
      }
    }
    return moved
  }
}
