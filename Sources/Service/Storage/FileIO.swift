package import Foundation
import Glibc

/// The few file operations whose order is the promise: write aside, sync, rename, sync the folder.
/// Every failure is thrown; a failed sync is fatal and never tried again.
package enum FileIO {
  /// Writes `data` so that a file of this name is either absent, old, or whole.
  package static func writeDurably(_ data: Data, to file: URL) throws {
    let aside = file.appendingPathExtension("tmp")
    let descriptor = open(aside.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw error("creating \(aside.lastPathComponent)") }
    do {
      defer { close(descriptor) }
      try write(data, to: descriptor, name: aside.lastPathComponent)
      try syncData(descriptor, name: aside.lastPathComponent)
    } catch {
      unlink(aside.path)
      throw error
    }
    try renameDurably(aside, to: file)
  }

  /// Syncs a file that someone else wrote.
  package static func sync(_ file: URL) throws {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw error("opening \(file.lastPathComponent)") }
    defer { close(descriptor) }
    try syncData(descriptor, name: file.lastPathComponent)
  }

  package static func syncFolder(_ folder: URL) throws {
    let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw error("opening folder \(folder.lastPathComponent)") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw error("syncing folder \(folder.lastPathComponent)") }
  }

  /// Renames within one file system and syncs the folder of the new name.
  package static func renameDurably(_ from: URL, to: URL) throws {
    guard rename(from.path, to.path) == 0 else {
      throw error("renaming \(from.lastPathComponent)")
    }
    try syncFolder(to.deletingLastPathComponent())
  }

  /// Creates a folder and makes its entry durable; an existing one is fine.
  package static func createFolder(_ folder: URL) throws {
    if FileManager.default.fileExists(atPath: folder.path) { return }
    let parent = folder.deletingLastPathComponent()
    if parent.path != folder.path { try createFolder(parent) }
    guard mkdir(folder.path, 0o700) == 0 || errno == EEXIST else {
      throw error("creating folder \(folder.lastPathComponent)")
    }
    try syncFolder(parent)
  }

  /// Gives the files directly below a folder a second name in a new folder: no byte is copied, and what
  /// happens to the old names later does not touch the new ones.
  package static func linkFiles(of folder: URL, in target: URL) throws {
    try createFolder(target)
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
      let (from, to) = (folder.appending(path: name), target.appending(path: name))
      guard link(from.path, to.path) == 0 || errno == EEXIST else {
        throw error("linking \(name)")
      }
    }
    try syncFolder(target)
  }

  /// Removes a file or a whole folder; nothing there is fine, also when someone else removes it now.
  package static func remove(_ item: URL) throws {
    for _ in 0..<3 {
      guard exists(item) else { return }
      if (try? FileManager.default.removeItem(at: item)) != nil { return }
    }
    guard exists(item) else { return }
    throw StorageError.io(operation: "removing", detail: item.lastPathComponent)
  }

  /// Whether a name is there, be it a link that leads nowhere.
  package static func exists(_ item: URL) -> Bool {
    var status = stat()
    return lstat(item.path, &status) == 0
  }

  /// Writes all of it, however often the kernel takes only a part.
  package static func write(_ data: Data, to descriptor: Int32, name: String) throws {
    try data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = Glibc.write(
          descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written < 0 {
          if errno == EINTR { continue }
          throw error("writing \(name)")
        }
        rest = rest.dropFirst(written)
      }
    }
  }

  static func syncData(_ descriptor: Int32, name: String) throws {
    guard fdatasync(descriptor) == 0 else { throw error("syncing \(name)") }
  }

  /// The error of the last failed call.
  package static func error(_ operation: String) -> StorageError {
    let code = errno
    return switch code {
    case ENOSPC, EDQUOT: .diskFull(operation: operation)
    case ENOENT: .notFound("what is needed for \(operation)")
    default: .io(operation: operation, detail: String(cString: strerror(code)))
    }
  }
}
