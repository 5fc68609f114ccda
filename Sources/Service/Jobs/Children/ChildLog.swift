import Foundation
import Glibc

/// Where a child's own words go: a file per job that grows to a limit and not beyond. A log that cannot
/// be written never ends a job.
struct ChildLog {
  private let descriptor: Int32
  private var room: Int

  init(_ file: URL, limit: Int) {
    descriptor = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    let size = descriptor < 0 ? 0 : Int(lseek(descriptor, 0, SEEK_END))
    room = descriptor < 0 ? 0 : max(0, limit - size)
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard room > 0 else { return }
    let piece = bytes.prefix(room)
    _ = write(descriptor, piece.baseAddress, piece.count)
    room -= piece.count
    if room == 0 {
      let note = "\n[the log has reached its limit; what follows is dropped]\n"
      _ = note.withCString { write(descriptor, $0, strlen($0)) }
    }
  }

  func close() { if descriptor >= 0 { _ = Glibc.close(descriptor) } }
}

extension Slice where Base == UnsafeRawBufferPointer {
  fileprivate var baseAddress: UnsafeRawPointer? {
    UnsafeRawBufferPointer(rebasing: self).baseAddress
  }
}
