/// Reads the JSON of a safetensors header: objects, strings and lists of whole numbers, nothing else.
struct HeaderCursor {
  typealias Malformed = SafetensorsHeader.Malformed

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The members of one object, in order; the caller reads each value.
  struct Members {
    private var isFirst = true

    init(_ cursor: inout HeaderCursor) throws(Malformed) {
      try cursor.expect("{")
    }

    /// The next key, or nil at the end of the object.
    mutating func next(_ cursor: inout HeaderCursor) throws(Malformed) -> String? {
      if cursor.skip("}") { return nil }
      if !isFirst { try cursor.expect(",") }
      isFirst = false
      let key = try cursor.string()
      try cursor.expect(":")
      return key
    }
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  /// Passes over the word `null`, if it is next.
  mutating func skipNull() -> Bool {
    skipSpace()
    guard bytes[position...].starts(with: Array("null".utf8)) else { return false }
    position += 4
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(Malformed) {
    guard skip(character) else {
      throw Malformed(reason: "'\(character)' expected at byte \(position) of the header")
    }
  }

  func requireEnd() throws(Malformed) {
    var rest = self
    rest.skipSpace()
    guard rest.position == bytes.count else {
      throw Malformed(reason: "text after the end of the header's JSON")
    }
  }

  /// `[1, 2]`: digits only, no sign, no fraction.
  mutating func integers() throws(Malformed) -> [Int] {
    var numbers: [Int] = []
    try expect("[")
    if skip("]") { return numbers }
    repeat { numbers.append(try integer()) } while skip(",")
    try expect("]")
    return numbers
  }

  private mutating func integer() throws(Malformed) -> Int {
    skipSpace()
    let start = position
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
    let digits = bytes[start..<position]
    guard !digits.isEmpty, digits.count == 1 || digits.first != 0x30,
      let number = Int(String(decoding: digits, as: UTF8.self))
    else { throw Malformed(reason: "whole number expected at byte \(start) of the header") }
    return number
  }

  mutating func string() throws(Malformed) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw Malformed(reason: "a string of the header is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): text += String(try escape()).utf8
      case 0..<0x20: throw Malformed(reason: "control character in a string of the header")
      default: text.append(byte)
      }
    }
    throw Malformed(reason: "a string of the header does not end")
  }

  private mutating func escape() throws(Malformed) -> Unicode.Scalar {
    guard position < bytes.count else { throw Malformed(reason: "the header ends in an escape") }
    let byte = bytes[position]
    position += 1
    switch Unicode.Scalar(byte) {
    case "\"", "\\", "/": return Unicode.Scalar(byte)
    case "b": return "\u{8}"
    case "f": return "\u{C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u": return try unicodeEscape()
    default: throw Malformed(reason: "unknown escape in a string of the header")
    }
  }

  private mutating func unicodeEscape() throws(Malformed) -> Unicode.Scalar {
    var code = try hexadecimal()
    if (0xD800..<0xDC00).contains(code), position + 2 <= bytes.count,
      bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
    {
      position += 2
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw Malformed(reason: "lone surrogate") }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw Malformed(reason: "lone surrogate") }
    return scalar
  }

  private mutating func hexadecimal() throws(Malformed) -> UInt32 {
    guard position + 4 <= bytes.count else { throw Malformed(reason: "short \\u escape") }
    var code: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw Malformed(reason: "\\u needs four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
    }
    position += 4
    return code
  }
}
