/// A JSON value as it was sent: numbers keep their digits, objects the order of their members.
indirect enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  struct Member: Equatable, Sendable {
    let name: String
    let value: JSONValue
  }

  /// For messages: `a number`.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// The member of this name, if this is an object that has it.
  subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// This with `patch` over it: objects member by member, anything else as a whole.
  func merged(with patch: JSONValue) -> JSONValue {
    guard case .object(let ours) = self, case .object(let theirs) = patch else { return patch }
    // By name: a body may have 100,000 members. The first of equal names counts, as in the subscript.
    let changes = Dictionary(theirs.map { ($0.name, $0.value) }) { first, _ in first }
    let known = Set(ours.map(\.name))
    let kept = ours.map { member in
      Member(
        name: member.name,
        value: changes[member.name].map { member.value.merged(with: $0) } ?? member.value)
    }
    return .object(kept + theirs.filter { !known.contains($0.name) })
  }

  /// The one text of all texts with this meaning (RFC 8785): sorted names, shortest numbers.
  var canonical: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .number(let digits): Self.shortest(digits)
    case .string(let text): Self.quoted(text)
    case .array(let items): "[\(items.map(\.canonical).joined(separator: ","))]"
    case .object(let members):
      "{\(members.sorted { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) }.map { "\(Self.quoted($0.name)):\($0.value.canonical)" }.joined(separator: ","))}"
    }
  }

  private static func shortest(_ digits: String) -> String {
    guard let value = Double(digits) else { return digits }
    if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return "\(Int64(value))" }
    return "\(value)"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case let control where control.value < 0x20:
        let hex = String(control.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension JSONValue: Encodable {
  func encode(to encoder: any Encoder) throws {
    switch self {
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    case .bool(let value): try value.encode(to: encoder)
    case .number(let digits):
      if let value = Int64(digits) {
        try value.encode(to: encoder)
      } else {
        try (Double(digits) ?? 0).encode(to: encoder)
      }
    case .string(let value): try value.encode(to: encoder)
    case .array(let items): try items.encode(to: encoder)
    case .object(let members):
      let pairs = members.map { ($0.name, $0.value) }
      try Dictionary(pairs) { first, _ in first }.encode(to: encoder)
    }
  }
}
