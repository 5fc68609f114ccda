package import Foundation

/// Where a start puts what it cannot account for: `quarantine/2026-11-27/blobs/ab/abcdef...`. A lost or
/// older database must never cost a photo or a result, so nothing unknown is deleted at once.
package struct Quarantine: Sendable {
  /// How long a day's folder stays.
  package static let keptDays = 30

  /// One thing that was moved, for the log.
  package struct Entry: Equatable, Sendable {
    package let from: String
    package let to: String
    package let reason: String
  }

  private let folder: DataFolder
  private let day: String

  package init(_ folder: DataFolder, now: Timestamp) {
    self.folder = folder
    day = String(now.description.prefix(10))
  }

  /// Moves a file or folder of the data folder aside, under its own relative path. A name that is taken
  /// gets a number: nothing in quarantine is overwritten either. Blocks for the disk.
  package func take(_ item: URL, because reason: String) throws -> Entry {
    let from = relativePath(item)
    let wanted = "quarantine/\(day)/\(from)"
    var to = wanted
    var number = 2
    while FileIO.exists(folder.root.appending(path: to)) {
      to = "\(wanted)-\(number)"
      number += 1
    }
    let target = folder.root.appending(path: to)
    try FileIO.createFolder(target.deletingLastPathComponent())
    try FileIO.renameDurably(item, to: target)
    try FileIO.syncFolder(item.deletingLastPathComponent())
    return Entry(from: from, to: to, reason: reason)
  }

  /// Removes the folders of days that are longer ago than `keptDays`. Blocks for the disk.
  /// - Returns: the days that were removed
  package func expire(now: Timestamp) throws -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.quarantine.path)) ?? []
    // The day itself does not count: what came at its end is kept for whole days, too.
    let limit = now.advanced(bySeconds: -Double(Self.keptDays + 1) * 86_400)
    var removed: [String] = []
    for name in names.sorted() {
      guard name.utf8.count == 10, let start = Timestamp("\(name)T00:00:00Z"), start < limit
      else { continue }
      try FileIO.remove(folder.quarantine.appending(path: name))
      removed.append(name)
    }
    return removed
  }

  private func relativePath(_ item: URL) -> String {
    let (root, path) = (folder.root.path + "/", item.standardizedFileURL.path)
    return path.hasPrefix(root) ? String(path.dropFirst(root.count)) : item.lastPathComponent
  }
}
