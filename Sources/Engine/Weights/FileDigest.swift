import Crypto
package import Foundation

/// SHA-256 of a file's bytes, in lower-case hexadecimal.
package enum FileDigest {
  package static func sha256(_ url: URL) throws(WeightError) -> String {
    var hash = SHA256()
    do {
      let file = try FileHandle(forReadingFrom: url)
      defer { try? file.close() }
      while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty {
        hash.update(data: chunk)
      }
    } catch {
      throw .unreadable(
        file: url.shortName, reason: error.localizedDescription,
        code: SystemError.code(of: error) ?? 0)
    }
    return hexadecimal(hash.finalize())
  }

  package static func sha256(_ data: Data) -> String { hexadecimal(SHA256.hash(data: data)) }

  static func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
