import Crypto
package import Foundation

/// A private folder for the parts of one upload, gone when the last holder lets go of it.
/// Files are numbered; what the client calls them is kept beside, as data.
package final class UploadFolder: Sendable {
  package struct File: Sendable, Equatable {
    package let part: MultipartReader.Part
    package let url: URL
    package let bytes: Int
    /// SHA-256 in lower-case hex.
    package let sha256: String
  }

  package let url: URL

  /// - Parameter parent: an existing folder on the file system that will keep the files
  package init(in parent: URL) throws(Problem) {
    url = parent.appendingPathComponent("upload-\(UUID().uuidString.lowercased())")
    guard mkdir(url.path, 0o700) == 0 else { throw Self.problem(errno) }
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Streams the current part to a file of its own.
  package func store(
    _ part: MultipartReader.Part, _ number: Int, from reader: inout MultipartReader, limit: Int
  ) async throws -> File {
    let file = url.appendingPathComponent("part-\(number)")
    let descriptor = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.problem(errno) }
    defer { close(descriptor) }
    var hash = SHA256()
    var count = 0
    while let chunk = try await reader.nextChunk() {
      count += chunk.count
      guard count <= limit else {
        let label = "\(part.name)/\(number)"
        throw Problem(
          .bodyTooLarge, "\(label) is larger than \(limit) bytes",
          errors: [
            .init(
              pointer: label, code: "too_large", message: "the file is too large",
              allowed: ["max": .integer(limit)])
          ])
      }
      hash.update(data: chunk)
      try Self.write(chunk, to: descriptor)
    }
    let digest = hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return File(part: part, url: file, bytes: count, sha256: digest)
  }

  private static func write(_ data: Data, to descriptor: Int32) throws(Problem) {
    var rest = data[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw problem(errno) }
      rest = rest.dropFirst(written)
    }
  }

  private static func problem(_ code: Int32) -> Problem {
    if code == ENOSPC || code == EDQUOT {
      return Problem(
        .storageFull, "no space is left for uploads; free some and try again",
        headers: ["Retry-After": "60"])
    }
    return Problem(.internalError, "an upload could not be stored")
  }
}
