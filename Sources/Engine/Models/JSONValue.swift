/// Any JSON value, for the fields of configs that are compared or carried along.
package enum JSONValue: Codable, Equatable, Sendable {
  case null, bool(Bool), int(Int), number(Double), string(String)
  case array([JSONValue]), object([String: JSONValue])

  package init(from decoder: any Decoder) throws {
    let box = try decoder.singleValueContainer()
    if box.decodeNil() {
      self = .null
    } else if let value = try? box.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? box.decode(Int.self) {
      self = .int(value)
    } else if let value = try? box.decode(Double.self) {
      self = .number(value)
    } else if let value = try? box.decode(String.self) {
      self = .string(value)
    } else if let value = try? box.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try box.decode([String: JSONValue].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var box = encoder.singleValueContainer()
    switch self {
    case .null: try box.encodeNil()
    case .bool(let value): try box.encode(value)
    case .int(let value): try box.encode(value)
    case .number(let value): try box.encode(value)
    case .string(let value): try box.encode(value)
    case .array(let value): try box.encode(value)
    case .object(let value): try box.encode(value)
    }
  }

  /// Equal, where 1 and 1.0 are the same number.
  func matches(_ other: JSONValue) -> Bool {
    switch (self, other) {
    case (.int(let a), .number(let b)), (.number(let b), .int(let a)): Double(a) == b
    default: self == other
    }
  }
}
