package import Foundation
import Glibc

/// How much space is left; tests hand in their own.
package protocol DiskSpace: Sendable {
  func freeBytes(at folder: URL) throws -> Int64
}

package struct SystemDisk: DiskSpace {
  package init() {}

  /// Bytes that an unprivileged process can still write.
  package func freeBytes(at folder: URL) throws -> Int64 {
    var status = statvfs()
    guard statvfs(folder.path, &status) == 0 else {
      throw FileIO.error("asking for free space")
    }
    return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
  }
}
