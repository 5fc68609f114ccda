import Foundation
import Glibc
import Synchronization

/// Space that is held while there is some, so that on a full disk a job can still be cancelled or parked: such a
/// move gives back a piece and is written into it. Rebuilt when there is room again.
package final class Ballast: Sendable {
  /// Bytes that are held; some hundred thousand moves fit into them.
  package static let size = 16 << 20
  /// Bytes that are given back at once: a child that fills the disk meanwhile gets no more than that.
  private static let piece = 1 << 20

  private let file: URL
  private let held: Mutex<Int>

  init(_ file: URL) {
    self.file = file
    var status = stat()
    // A copy of the file may be sparse, and then holds nothing.
    let bytes =
      stat(file.path, &status) == 0 ? min(Int(status.st_size), Int(status.st_blocks) * 512) : 0
    held = Mutex(bytes)
  }

  /// Bytes that a whole ballast would hold beyond this one.
  package var missing: Int { held.withLock { max(0, Self.size - $0) } }

  /// Gives a piece back to the disk.
  /// - Returns: `false` if there is none left
  func release() -> Bool {
    held.withLock { held in
      guard held > 0 else { return false }
      let rest = max(0, held - Self.piece)
      guard truncate(file.path, off_t(rest)) == 0 else { return false }
      held = rest
      return true
    }
  }

  /// Takes what is missing, if `watermark` bytes stay free beside it. Blocks for the disk.
  package func rebuild(leaving watermark: Int64, _ disk: any DiskSpace) throws {
    try held.withLock { held in
      let missing = Int64(Self.size - held)
      let folder = file.deletingLastPathComponent()
      guard missing > 0, try disk.freeBytes(at: folder) >= watermark + missing else { return }
      let descriptor = FileIO.open(file, O_WRONLY | O_CREAT)
      guard descriptor >= 0 else { throw FileIO.error("opening \(file.lastPathComponent)") }
      defer { close(descriptor) }
      let code = posix_fallocate(descriptor, 0, off_t(Self.size))
      if code == 0 {
        held = Self.size
      } else {
        // What it got before it failed goes back at once.
        ftruncate(descriptor, off_t(held))
        errno = code
        throw FileIO.error("reserving space in \(file.lastPathComponent)")
      }
    }
  }
}
