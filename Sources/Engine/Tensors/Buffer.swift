internal import CKernels
import Glibc

/// Memory of one array: own and 64-byte aligned, or part of a mapped file that `owner` keeps open.
final class Buffer {
  let pointer: UnsafeMutableRawPointer
  let byteCount: Int
  private let owner: AnyObject?

  /// Uninitialised memory.
  init(byteCount: Int) {
    guard let memory = ck_allocate(byteCount) else {
      // Out of memory is an expected end of a child process; the parent reads this line.
      let line = "out of memory: \(byteCount) bytes more were asked for\n"
      _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
      exit(Buffer.outOfMemoryExit)
    }
    pointer = memory
    self.byteCount = byteCount
    owner = nil
    ck_count_bytes(byteCount)
  }

  init(mapping pointer: UnsafeRawPointer, byteCount: Int, owner: AnyObject) {
    self.pointer = UnsafeMutableRawPointer(mutating: pointer)
    self.byteCount = byteCount
    self.owner = owner
  }

  deinit {
    guard owner == nil else { return }
    ck_free(pointer, byteCount)
    ck_count_bytes(-byteCount)
  }

  var isMapped: Bool { owner != nil }

  /// EX_OSERR: told apart from a crash by whoever started the process.
  static let outOfMemoryExit: Int32 = 71
}

/// What a memory plan asks.
package enum TensorMemory {
  /// Bytes of this thread's tensors that exist now, those in mapped files left out.
  package static var liveBytes: Int { ck_counted_bytes() }
}
