internal import CKernels
import Glibc
import Synchronization

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
    Buffer.live.wrappingAdd(byteCount, ordering: .relaxed)
  }

  init(mapping pointer: UnsafeRawPointer, byteCount: Int, owner: AnyObject) {
    self.pointer = UnsafeMutableRawPointer(mutating: pointer)
    self.byteCount = byteCount
    self.owner = owner
  }

  deinit {
    guard owner == nil else { return }
    ck_free(pointer, byteCount)
    Buffer.live.wrappingSubtract(byteCount, ordering: .relaxed)
  }

  /// Bytes of all arrays that exist now, mapped ones left out.
  fileprivate static let live = Atomic<Int>(0)

  var isMapped: Bool { owner != nil }

  /// EX_OSERR: told apart from a crash by whoever started the process.
  static let outOfMemoryExit: Int32 = 71
}

/// What a memory plan asks.
package enum TensorMemory {
  /// Bytes of all tensors that exist now, those in mapped files left out.
  package static var liveBytes: Int { Buffer.live.load(ordering: .relaxed) }
}
