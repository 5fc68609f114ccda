package import Foundation
import Weights

/// Puts a folder in place so that a crash at any point leaves the old state or the new one: written aside,
/// every file synced, renamed, and the folder that holds the name synced. Single files: `AtomicFile`.
package enum Durable {
  /// What unfinished work is called; a reader never opens such a name, `sweep` removes it.
  static let mark = ".partial-"

  /// `contents` fills an empty folder; `verify` sees it under its final name before this returns.
  /// - Returns: what `contents` returned
  @discardableResult
  package static func folder<R>(
    at target: URL, contents: (URL) throws -> R, verify: (URL) throws -> Void = { _ in }
  ) throws -> R {
    let result: R
    let files = FileManager.default
    let aside = neighbour(of: target)
    let old = neighbour(of: target.appendingPathExtension("old"))
    for stale in [aside, old] where files.fileExists(atPath: stale.path) {
      try files.removeItem(at: stale)
    }
    do {
      try files.createDirectory(at: aside, withIntermediateDirectories: true)
      result = try contents(aside)
      for path in try files.subpathsOfDirectory(atPath: aside.path).sorted() {
        try sync(aside.appendingPathComponent(path))
      }
      try sync(aside)
      if files.fileExists(atPath: target.path) { try rename(target, to: old) }
      try rename(aside, to: target)
      try sync(target.deletingLastPathComponent())
      try verify(target)
    } catch {
      try? files.removeItem(at: aside)
      throw error
    }
    if files.fileExists(atPath: old.path) { try files.removeItem(at: old) }
    return result
  }

  /// Removes what a killed writer left in `folder`.
  package static func sweep(_ folder: URL) throws {
    let files = FileManager.default
    guard files.fileExists(atPath: folder.path) else { return }
    for name in try files.contentsOfDirectory(atPath: folder.path).sorted()
    where name.hasPrefix(mark) {
      try files.removeItem(at: folder.appendingPathComponent(name))
    }
  }

  private static func neighbour(of target: URL) -> URL {
    target.deletingLastPathComponent().appendingPathComponent(mark + target.lastPathComponent)
  }

  private static func sync(_ file: URL) throws {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw posixError() }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw posixError() }
  }

  private static func rename(_ old: URL, to new: URL) throws {
    guard Foundation.rename(old.path, new.path) == 0 else { throw posixError() }
  }

  private static func posixError() -> POSIXError { POSIXError(.init(rawValue: errno) ?? .EIO) }
}
