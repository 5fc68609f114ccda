import CLinux
import Foundation
import Glibc

/// A file descriptor, closed when the last holder lets go.
final class Descriptor: Sendable {
  struct Failure: Error { let code: Int32 }

  let value: Int32

  init(_ value: Int32) { self.value = value }

  init(reading file: URL) throws(Failure) {
    value = open(file.path, O_RDONLY | O_CLOEXEC)
    if value < 0 { throw Failure(code: errno) }
  }

  deinit { close(value) }

  /// Hands over what can be read without waiting: one piece, or all there is.
  /// - Returns: `false` at the end of the stream.
  func drain(all: Bool, _ take: (UnsafeRawBufferPointer) -> Void) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
      repeat {
        let count = read(value, buffer.baseAddress, buffer.count)
        if count == 0 { return false }
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      } while all
      return true
    }
  }
}

/// A pipe whose ends close on exec and never block.
struct Pipe: Sendable {
  let read: Descriptor
  let write: Descriptor

  init() throws(Descriptor.Failure) {
    var ends: [Int32] = [-1, -1]
    let outcome = clinux_pipe(&ends)
    guard outcome == 0 else { throw Descriptor.Failure(code: -outcome) }
    read = Descriptor(ends[0])
    write = Descriptor(ends[1])
  }

  /// Makes the reading end readable.
  func ring() {
    var byte: UInt8 = 0
    _ = Glibc.write(write.value, &byte, 1)
  }

  func silence() { _ = read.drain(all: true) { _ in } }
}

/// A NULL-terminated array of C strings, for `execve`.
final class CStrings {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    pointers = .allocate(capacity: count + 1)
    for (index, string) in strings.enumerated() { pointers[index] = strdup(string) }
    pointers[count] = nil
  }

  deinit {
    for index in 0..<count { free(pointers[index]) }
    pointers.deallocate()
  }
}
