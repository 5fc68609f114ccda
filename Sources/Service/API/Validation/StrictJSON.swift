import Foundation
import HTTP

/// Reads JSON (RFC 8259) and refuses what lets two readers see two different values: duplicate
/// names, lone surrogates, numbers out of range, a byte-order mark, bytes after the value. Nesting
/// is limited, because a reader that recurses has a stack.
struct StrictJSON {
  static let maximumDepth = 32

  private let bytes: [UInt8]
  private var position = 0
  private var depth = 0

  private init(_ data: Data) { bytes = Array(data) }

  /// - Parameter source: what is read, for messages: `the body`
  static func parse(_ data: Data, source: String) throws(Problem) -> JSONValue {
    var reader = StrictJSON(data)
    do throws(Fault) {
      let value = try reader.value()
      reader.skipBlanks()
      guard reader.position == reader.bytes.count else {
        throw reader.fault("bytes follow the value")
      }
      return value
    } catch {
      throw Problem(.malformedJSON, "\(source) is not valid JSON: \(error.description)")
    }
  }

  private struct Fault: Error {
    let description: String
  }

  private func fault(_ what: String) -> Fault {
    let before = bytes[..<min(position, bytes.count)]
    let line = before.count { $0 == 0x0A } + 1
    let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
    return Fault(description: "\(what) (line \(line), column \(column))")
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipBlanks() {
    while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value() throws(Fault) -> JSONValue {
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case .some: return .number(try number())
    case nil: throw fault("a value is missing")
    }
  }

  private mutating func enter() throws(Fault) {
    depth += 1
    guard depth <= Self.maximumDepth else {
      throw fault("nesting is deeper than \(Self.maximumDepth)")
    }
    position += 1
  }

  private mutating func object() throws(Fault) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    var members: [JSONValue.Member] = []
    var names: Set<String> = []
    if take("}") { return .object([]) }
    repeat {
      skipBlanks()
      guard next == UInt8(ascii: "\"") else { throw fault("a member name in quotes is missing") }
      let name = try string()
      guard names.insert(name).inserted else { throw fault("the name \"\(name)\" is repeated") }
      guard take(":") else { throw fault("a colon is missing") }
      members.append(.init(name: name, value: try value()))
    } while take(",")
    guard take("}") else { throw fault("a comma or } is missing") }
    return .object(members)
  }

  private mutating func array() throws(Fault) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    var items: [JSONValue] = []
    if take("]") { return .array([]) }
    repeat { items.append(try value()) } while take(",")
    guard take("]") else { throw fault("a comma or ] is missing") }
    return .array(items)
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(Fault) -> JSONValue {
    guard bytes[position...].starts(with: word.utf8) else { throw fault("not a JSON value") }
    position += word.utf8.count
    return value
  }

  /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
  private mutating func number() throws(Fault) -> String {
    let start = position
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (48...57).contains($0) } ?? false }
    func digits() throws(Fault) {
      guard isDigit(next) else { throw fault("not a JSON value") }
      while isDigit(next) { position += 1 }
    }
    if next == UInt8(ascii: "-") { position += 1 }
    if next == UInt8(ascii: "0") { position += 1 } else { try digits() }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw fault("the number is out of range")
    }
    return text
  }

  private mutating func string() throws(Fault) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw fault("a string is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): text.append(contentsOf: String(try escape()).utf8)
      case ..<0x20: throw fault("a control character must be escaped")
      default: text.append(byte)
      }
    }
    throw fault("a string does not end")
  }

  private mutating func escape() throws(Fault) -> Unicode.Scalar {
    guard let byte = next else { throw fault("a string does not end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let first = try unit()
      if let scalar = Unicode.Scalar(first) { return scalar }
      guard first < 0xDC00, bytes[position...].starts(with: "\\u".utf8) else {
        throw fault("half a surrogate pair")
      }
      position += 2
      let second = try unit()
      guard (0xDC00...0xDFFF).contains(second),
        let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
      else { throw fault("half a surrogate pair") }
      return scalar
    default: throw fault("an unknown escape")
    }
  }

  private mutating func unit() throws(Fault) -> UInt32 {
    let hex = bytes[position...].prefix(4)
    let isHex = hex.allSatisfy {
      (48...57).contains($0) || (65...70).contains($0) || (97...102).contains($0)
    }
    guard hex.count == 4, isHex, let value = UInt32(String(decoding: hex, as: UTF8.self), radix: 16)
    else { throw fault("\\u needs four hex digits") }
    position += 4
    return value
  }
}
