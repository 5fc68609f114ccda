import Foundation

/// `host [":" port]`, as `Host` and the absolute form of a target carry it (RFC 3986 3.2, RFC 9110 4.2: without user
/// information). What does not fit this grammar exactly is refused, so that no two readers see two hosts in it.
struct Authority: Equatable {
  /// In lower case; an IPv6 address without its brackets.
  let host: String
  let port: Int?

  init?(_ text: String) {
    var rest = text.utf8[...]
    if rest.first == UInt8(ascii: "[") {
      guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      let address = String(decoding: rest[rest.index(after: rest.startIndex)..<end], as: UTF8.self)
      var bytes = in6_addr()
      guard inet_pton(AF_INET6, address, &bytes) == 1 else { return nil }
      host = address.lowercased()
      rest = rest[rest.index(after: end)...]
    } else {
      let name = rest.prefix { $0 != UInt8(ascii: ":") }
      guard !name.isEmpty,
        let decoded = String(decoding: name, as: UTF8.self).removingPercentEncoding,
        name.allSatisfy(Self.isNameByte)
      else { return nil }
      host = decoded.lowercased()
      rest = rest[name.endIndex...]
    }
    guard let colon = rest.first else {
      port = nil
      return
    }
    let digits = rest.dropFirst()
    guard colon == UInt8(ascii: ":"), digits.count <= 5,
      digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    // An empty port is the scheme's own (RFC 3986 3.2.3).
    if digits.isEmpty {
      port = nil
    } else {
      guard let number = Int(String(decoding: digits, as: UTF8.self)), number <= 65_535 else {
        return nil
      }
      port = number
    }
  }

  /// reg-name: unreserved, percent escapes, sub-delims.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    let scalar = Unicode.Scalar(byte)
    return byte < 0x80
      && (("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
        || ("0"..."9").contains(scalar)
        || "-._~%!$&'()*+,;=".unicodeScalars.contains(scalar))
  }

  var isLoopback: Bool { Self.isLoopback(host) }

  static func isLoopback(_ host: String) -> Bool {
    if ["localhost", "::1"].contains(host.lowercased()) { return true }
    var address = in_addr()
    return inet_pton(AF_INET, host, &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
  }
}

/// `http://host:port/path?query`, as a proxy may write `/path?query` (RFC 9112 3.2.2).
struct AbsoluteForm: Equatable {
  let authority: String
  /// Path and query; a missing path is `/`.
  let target: String

  init?(_ text: String) {
    guard !text.hasPrefix("/"), let scheme = text.range(of: "://"),
      ["http", "https"].contains(text[..<scheme.lowerBound].lowercased())
    else { return nil }
    let rest = text[scheme.upperBound...]
    let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    authority = String(rest[..<end])
    guard Authority(authority) != nil else { return nil }
    let tail = rest[end...]
    target = tail.hasPrefix("/") ? String(tail) : "/\(tail)"
  }
}
