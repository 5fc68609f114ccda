import Crypto
import Foundation

/// The keys that may use the service. Only their SHA-256 is known here.
///
/// One line per key: name, access (`read` or `write`), SHA-256 of the key in hex; `#` begins a
/// comment. The digest of a key comes from `printf %s "$KEY" | sha256sum`.
package struct APIKeys: Sendable {
  package enum Failure: Error, Equatable, CustomStringConvertible {
    case malformed(line: Int, reason: String)
    case empty

    package var description: String {
      switch self {
      case .malformed(let line, let reason):
        "key file, line \(line): \(reason); a line is: NAME read|write SHA256-OF-THE-KEY"
      case .empty: "the key file holds no key; a line is: NAME read|write SHA256-OF-THE-KEY"
      }
    }
  }

  private struct Key {
    let name: String
    let access: Route.Access
    let digest: [UInt8]
  }

  private let keys: [Key]

  package init(file: String) throws(Failure) {
    var keys: [Key] = []
    for (index, line) in file.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let fields = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }
      if fields.isEmpty { continue }
      guard fields.count == 3 else {
        throw .malformed(line: index + 1, reason: "\(fields.count) fields in place of 3")
      }
      guard let access = Route.Access(rawValue: String(fields[1])), access != .open else {
        throw .malformed(line: index + 1, reason: "access is \(fields[1])")
      }
      guard let digest = Self.bytes(hex: fields[2]), digest.count == 32 else {
        throw .malformed(line: index + 1, reason: "the digest is not 64 hex digits")
      }
      // Left by a variable that was not set when the line was made.
      guard digest != Array(SHA256.hash(data: Data())) else {
        throw .malformed(line: index + 1, reason: "the digest is that of an empty key")
      }
      guard !keys.contains(where: { $0.name == fields[0] }) else {
        throw .malformed(line: index + 1, reason: "the name \(fields[0]) is taken")
      }
      keys.append(Key(name: String(fields[0]), access: access, digest: digest))
    }
    guard !keys.isEmpty else { throw .empty }
    self.keys = keys
  }

  /// - Returns: the name of the key that the request carries.
  func caller(of request: Request, for access: Route.Access) throws(Problem) -> String {
    let challenge: Headers = ["WWW-Authenticate": "Bearer realm=\"dreambooth\""]
    let sent = request.headers.all("Authorization")
    guard sent.count == 1, let token = Self.token(sent[0]) else {
      throw Problem(
        .unauthorized, "an API key is required: Authorization: Bearer KEY", headers: challenge)
    }
    guard let key = find(token) else {
      throw Problem(.unauthorized, "this API key is not known", headers: challenge)
    }
    guard access == .read || key.access == .write else {
      throw Problem(.forbidden, "the key \(key.name) may only read")
    }
    return key.name
  }

  /// Compares with every key and every byte, so that the time tells nothing of how far a guess got.
  private func find(_ token: Substring) -> Key? {
    let digest = Array(SHA256.hash(data: Data(token.utf8)))
    var found: Key?
    for key in keys {
      var difference: UInt8 = 0
      for (a, b) in zip(key.digest, digest) { difference |= a ^ b }
      if difference == 0 { found = key }
    }
    return found
  }

  private static func token(_ field: String) -> Substring? {
    let halves = field.split(separator: " ", maxSplits: 1)
    guard halves.count == 2, halves[0].lowercased() == "bearer" else { return nil }
    let token = halves[1]
    return (1...512).contains(token.utf8.count) ? token : nil
  }

  private static func bytes(hex: Substring) -> [UInt8]? {
    guard hex.utf8.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    var rest = hex[...]
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16), rest.first != "+" else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
