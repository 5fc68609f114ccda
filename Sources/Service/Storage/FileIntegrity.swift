package import Foundation
import Glibc
import Synchronization

/// Compares stored files with the size and digest that were kept of them: whole files on the first read after
/// a start, and from then on only what the kernel says of them, as long as that stays the same.
package final class FileIntegrity: Sendable {
  /// What changes when somebody writes to a file or puts another in its place. Decay of the medium changes
  /// none of it: that is what `Scrub` is for.
  private struct Stamp: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var modified: [Int]
    var changed: [Int]

    init(_ status: stat) {
      (device, inode, size) = (UInt(status.st_dev), UInt(status.st_ino), Int(status.st_size))
      modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
      changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
  }

  private struct Known {
    var stamp: Stamp
    var sha256: String
  }

  /// Files that are remembered at most; then all are forgotten and read once more.
  private static let capacity = 65_536

  private let known = Mutex<[String: Known]>([:])
  /// One reader for each file at a time: the others wait for what it finds.
  private let underWay = Mutex<[String: Task<Void, any Error>]>([:])
  private let read = Atomic<Int>(0)

  package init() {}

  /// Bytes that were read to verify files since the start.
  package var bytesRead: Int { read.load(ordering: .relaxed) }

  /// Verifies without waiting on the caller's thread.
  /// - Throws: `StorageError.damaged` if the file is proven to be missing or another; `.unreadable` or
  ///   `.shortage` if that cannot be found out now
  package func require(_ file: URL, bytes: Int?, sha256: String) async throws {
    let key = "\(file.path) \(sha256)"
    let task = underWay.withLock { tasks in
      let task =
        tasks[key]
        ?? Task { try await BlockingIO.run { try self.check(file, bytes: bytes, sha256: sha256) } }
      tasks[key] = task
      return task
    }
    defer { underWay.withLock { $0[key] = nil } }
    try await task.value
  }

  /// As `require`, on this thread.
  /// - Parameters:
  ///   - afresh: reads the file again from the disk, whatever is known of it and cached
  ///   - pace: called after each piece with its number of bytes; throws to give up
  package func check(
    _ file: URL, bytes: Int?, sha256: String, afresh: Bool = false,
    pace: (Int) throws -> Void = { _ in }
  ) throws {
    let name = file.lastPathComponent
    let descriptor = FileIO.open(file, O_RDONLY | O_NOFOLLOW)
    guard descriptor >= 0 else {
      let error = FileIO.readError(name)
      if case .notFound = error { throw StorageError.damaged(file: name, detail: "it is missing") }
      throw error
    }
    defer { close(descriptor) }
    let before = try stamp(descriptor, name)
    if let bytes, before.size != bytes {
      throw StorageError.damaged(
        file: name, detail: "it has \(before.size) bytes, and \(bytes) were stored")
    }
    let remembered = known.withLock { $0[file.path] }
    var found: String
    if !afresh, let remembered, remembered.stamp == before {
      found = remembered.sha256
    } else {
      // What the page cache holds says nothing about the disk.
      if afresh { posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }
      found = try FileHash.sha256(of: descriptor, file) { count in
        read.add(count, ordering: .relaxed)
        try pace(count)
      }
      let after = try stamp(descriptor, name)
      known.withLock { known in
        if known.count >= Self.capacity { known = [:] }
        known[file.path] = before == after ? Known(stamp: after, sha256: found) : nil
      }
    }
    guard found == sha256 else {
      throw StorageError.damaged(
        file: name, detail: "its SHA-256 is \(found), and \(sha256) was stored")
    }
  }

  private func stamp(_ descriptor: Int32, _ name: String) throws -> Stamp {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileIO.readError(name) }
    return Stamp(status)
  }
}
