import Foundation

/// What a client calls a file, in the three ways that clients write it.
enum SentFileName {
  /// `filename*` (RFC 8187) wins over `filename`, as RFC 6266 has it; a `filename` may be written as encoded words
  /// (RFC 2047), which .NET does.
  static func of(_ disposition: MediaType) -> String? {
    if let extended = disposition.parameters["filename*"].flatMap(extended) { return extended }
    return disposition.parameters["filename"].map { encodedWords($0) ?? $0 }
  }

  /// `utf-8'en'%e7%8a%ac.png`.
  private static func extended(_ value: String) -> String? {
    let parts = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let bytes = percentDecoded(parts[2].utf8, escape: "%") else {
      return nil
    }
    return text(bytes, charset: parts[0])
  }

  /// `=?utf-8?B?54qs?= =?utf-8?Q?-1.png?=`; blanks between two words are not part of the text.
  private static func encodedWords(_ value: String) -> String? {
    let words = value.split(separator: " ", omittingEmptySubsequences: true)
    guard !words.isEmpty else { return nil }
    var result = ""
    for word in words {
      guard word.hasPrefix("=?"), word.hasSuffix("?="), word.utf8.count >= 8 else { return nil }
      let fields = word.dropFirst(2).dropLast(2)
        .split(separator: "?", omittingEmptySubsequences: false)
      guard fields.count == 3 else { return nil }
      let bytes: [UInt8]? =
        switch fields[1].lowercased() {
        case "b": Data(base64Encoded: String(fields[2])).map(Array.init)
        case "q":
          percentDecoded(fields[2].utf8.map { $0 == UInt8(ascii: "_") ? 0x20 : $0 }, escape: "=")
        default: nil
        }
      guard let bytes, let decoded = text(bytes, charset: fields[0]) else { return nil }
      result += decoded
    }
    return result
  }

  /// The charsets that RFC 8187 asks a reader to know.
  private static func text(_ bytes: [UInt8], charset: Substring) -> String? {
    switch charset.lowercased() {
    case "utf-8": String(validating: bytes, as: UTF8.self)
    case "iso-8859-1": String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    case "us-ascii": bytes.allSatisfy { $0 < 0x80 } ? String(decoding: bytes, as: UTF8.self) : nil
    default: nil
    }
  }

  private static func percentDecoded(
    _ text: some Collection<UInt8>, escape: Unicode.Scalar
  ) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = Array(text)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: escape) else {
        bytes.append(byte)
        continue
      }
      let digits = rest.prefix(2)
      guard digits.count == 2, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
