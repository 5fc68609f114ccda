package import Foundation

/// A file that appears whole or not at all: written aside, synced, renamed, folder synced.
package enum AtomicFile {
  package typealias Write = (UnsafeRawBufferPointer) throws(WeightError) -> Void

  package static func write(
    to url: URL, _ body: (Write) throws(WeightError) -> Void
  ) throws(WeightError) {
    let file = url.shortName
    let folder = url.deletingLastPathComponent()
    let aside = folder.appendingPathComponent(".\(url.lastPathComponent).partial").path
    func failure() -> WeightError {
      .writeFailed(file: file, reason: String(cString: strerror(errno)))
    }
    let descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure() }
    do throws(WeightError) {
      defer { close(descriptor) }
      try body { (bytes) throws(WeightError) in
        var done = 0
        while done < bytes.count {
          let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
          let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { throw failure() }
          done += count
        }
      }
      guard fsync(descriptor) == 0 else { throw failure() }
      guard rename(aside, url.path) == 0 else { throw failure() }
    } catch {
      unlink(aside)
      throw error
    }
    let folderDescriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folderDescriptor >= 0 else { throw failure() }
    defer { close(folderDescriptor) }
    guard fsync(folderDescriptor) == 0 else { throw failure() }
  }

  package static func write(_ data: Data, to url: URL) throws(WeightError) {
    try write(to: url) { (write) throws(WeightError) in
      try [UInt8](data).withUnsafeBytes(write)
    }
  }
}
