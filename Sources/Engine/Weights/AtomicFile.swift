package import Foundation

/// A file that appears whole or not at all: written aside, synced, renamed, folder synced.
package enum AtomicFile {
  /// The file being written. After the first failure it swallows what follows; `write` then throws.
  package struct Output: ~Copyable {
    fileprivate let descriptor: Int32
    fileprivate var failure: Int32 = 0

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
      var done = 0
      while done < bytes.count, failure == 0 {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
        let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 { done += count } else if errno != EINTR { failure = errno }
      }
    }
  }

  package static func write(
    to url: URL, _ body: (inout Output) -> Void
  ) throws(WeightError) {
    let folder = url.deletingLastPathComponent()
    let aside = folder.appendingPathComponent(".\(url.lastPathComponent).partial").path
    func failed(_ code: Int32) -> WeightError {
      .writeFailed(file: url.shortName, reason: String(cString: strerror(code)), code: code)
    }
    let descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failed(errno) }
    var output = Output(descriptor: descriptor)
    body(&output)
    var failure = output.failure
    if failure == 0, fsync(descriptor) != 0 { failure = errno }
    close(descriptor)
    if failure == 0, rename(aside, url.path) != 0 { failure = errno }
    guard failure == 0 else {
      unlink(aside)
      throw failed(failure)
    }
    let folderDescriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folderDescriptor >= 0 else { throw failed(errno) }
    defer { close(folderDescriptor) }
    guard fsync(folderDescriptor) == 0 else { throw failed(errno) }
  }

  package static func write(_ data: Data, to url: URL) throws(WeightError) {
    try write(to: url) { output in data.withUnsafeBytes { output.append($0) } }
  }
}
