import Contract
import Foundation
import HTTP

/// The faults of one request, collected so that all are told at once.
final class Faults {
  private(set) var errors: [Problem.FieldError] = []

  func add(
    _ pointer: String, _ code: String, _ message: String,
    allowed: [String: Problem.Value] = [:]
  ) {
    errors.append(.init(pointer: pointer, code: code, message: message, allowed: allowed))
  }

  func throwIfAny() throws(Problem) {
    guard !errors.isEmpty else { return }
    let first = errors[0]
    throw Problem(
      .invalidRequest,
      errors.count == 1
        ? "\(first.pointer): \(first.message)" : "\(errors.count) fields are at fault",
      errors: errors)
  }
}

/// Reads the members of one object by name. Absent, `null` and `"auto"` all leave the choice to the
/// service; what is read by nobody is unknown, and refused by `end()`.
final class FieldReader {
  private let members: [JSONValue.Member]
  private let pointer: String
  private let faults: Faults
  private var known: Set<String> = []

  init(_ value: JSONValue, at pointer: String, _ faults: Faults) {
    self.pointer = pointer
    self.faults = faults
    if case .object(let members) = value {
      self.members = members
    } else {
      self.members = []
      faults.add(pointer, "wrong_type", "must be an object, not \(value.kind)")
    }
  }

  func path(_ name: String) -> String {
    let escaped = name.replacingOccurrences(of: "~", with: "~0")
      .replacingOccurrences(of: "/", with: "~1")
    return "\(pointer)/\(escaped)"
  }

  /// - Returns: the value; `nil` if it is absent, null or `"auto"`.
  func value(_ name: String) -> JSONValue? {
    known.insert(name)
    let value = members.first { $0.name == name }?.value
    return value == .null || value == .string("auto") ? nil : value
  }

  /// Whether the client wrote the field, be it as `null`.
  func has(_ name: String) -> Bool { members.contains { $0.name == name } }

  func throwIfAny() throws(Problem) { try faults.throwIfAny() }

  /// An object with nothing in it where there is none.
  func object(_ name: String) -> FieldReader {
    FieldReader(value(name) ?? .object([]), at: path(name), faults)
  }

  func bool(_ name: String) -> Bool? {
    guard let value = value(name) else { return nil }
    if case .bool(let flag) = value { return flag }
    return wrong(name, value, "a boolean")
  }

  func integer(_ name: String, _ range: RecipeLimits.Range<Int>) -> Int? {
    guard let value = value(name) else { return nil }
    guard case .number(let digits) = value else { return wrong(name, value, "an integer") }
    guard let number = Self.integer(digits) else { return wrong(name, value, "an integer") }
    guard range.contains(number) else {
      faults.add(
        path(name), "out_of_range", "must be from \(range.minimum) to \(range.maximum)",
        allowed: ["min": .integer(range.minimum), "max": .integer(range.maximum)])
      return nil
    }
    return number
  }

  func float(_ name: String, _ range: RecipeLimits.Range<Float>) -> Float? {
    guard let value = value(name) else { return nil }
    guard case .number(let digits) = value, let number = Float(digits) else {
      return wrong(name, value, "a number")
    }
    guard range.contains(number) else {
      faults.add(
        path(name), "out_of_range", "must be from \(range.minimum) to \(range.maximum)",
        allowed: [
          "min": .number(Double("\(range.minimum)") ?? 0),
          "max": .number(Double("\(range.maximum)") ?? 0),
        ])
      return nil
    }
    return number
  }

  func string(_ name: String, _ length: RecipeLimits.Range<Int>) -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { return wrong(name, value, "a string") }
    return checked(text, path(name), length)
  }

  func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of type: Choice.Type, aliases: [String: String] = [:]
  ) -> Choice? where Choice.RawValue == String {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { return wrong(name, value, "a string") }
    if let choice = Choice(rawValue: aliases[text] ?? text) { return choice }
    let values = Choice.allCases.map(\.rawValue)
    faults.add(
      path(name), "invalid_choice", "must be one of \(values.joined(separator: ", "))",
      allowed: ["values": .strings(values)])
    return nil
  }

  /// A list of choices.
  func choices<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of type: Choice.Type
  ) -> [Choice]? where Choice.RawValue == String {
    let values = Choice.allCases.map(\.rawValue)
    guard
      let names = strings(
        name, count: .init(minimum: 1, maximum: values.count), length: RecipeLimits.nameLength)
    else { return nil }
    for (index, text) in names.enumerated() where !values.contains(text) {
      fault(
        name, at: index, "invalid_choice", "must be one of \(values.joined(separator: ", "))",
        allowed: values)
    }
    return names.compactMap(Choice.init(rawValue:))
  }

  /// A list of objects, each to be read on its own and ended with `end()`.
  func objects(_ name: String, count: RecipeLimits.Range<Int>) -> [FieldReader]? {
    array(name, count: count) { FieldReader($0, at: $1, self.faults) }
  }

  /// A list of texts, none of them twice.
  func strings(
    _ name: String, count: RecipeLimits.Range<Int>, length: RecipeLimits.Range<Int>
  ) -> [String]? {
    distinct(name, count: count) { item, path in
      guard case .string(let text) = item else {
        self.faults.add(path, "wrong_type", "must be a string, not \(item.kind)")
        return nil
      }
      return self.checked(text, path, length)
    }
  }

  /// A list of seeds, none of them twice.
  func seeds(_ name: String, count: RecipeLimits.Range<Int>) -> [UInt64]? {
    distinct(name, count: count) { self.seed($0, $1) }
  }

  /// A seed; `-1` asks for one as absence does.
  func seed(_ name: String) -> UInt64? {
    guard let value = value(name), value != .number("-1") else { return nil }
    return seed(value, path(name))
  }

  func metadata(_ name: String) -> [String: String] {
    guard let value = value(name) else { return [:] }
    guard case .object(let members) = value else { return wrong(name, value, "an object") ?? [:] }
    if members.count > 16 {
      faults.add(path(name), "too_many", "at most 16 pairs", allowed: ["max": .integer(16)])
    }
    var pairs: [String: String] = [:]
    for member in members {
      guard case .string(let text) = member.value,
        (1...64).contains(RecipeLimits.length(of: member.name)),
        RecipeLimits.length(of: text) <= 512
      else {
        faults.add(
          "\(path(name))/\(member.name)", "invalid_metadata",
          "names have 1 to 64 characters, values are strings of at most 512")
        continue
      }
      pairs[member.name] = text
    }
    return pairs
  }

  /// A field of the full contract that this build does not offer: only its neutral value passes.
  func notOffered(_ name: String, unless neutral: [JSONValue] = [], _ what: String) {
    guard let value = value(name), !neutral.contains(value) else { return }
    faults.add(
      path(name), "not_offered", "\(what); GET /v1/capabilities lists what this build offers")
  }

  /// - Parameter index: of the entry at fault, where the field is an array
  func fault(
    _ name: String, at index: Int? = nil, _ code: String, _ message: String,
    allowed: [String]? = nil
  ) {
    faults.add(
      path(name) + (index.map { "/\($0)" } ?? ""), code, message,
      allowed: allowed.map { ["values": .strings($0)] } ?? [:])
  }

  /// A fault of a field further down.
  func fault(path: [String], _ code: String, _ message: String) {
    faults.add(pointer + path.map { "/\($0)" }.joined(), code, message)
  }

  /// Refuses the members that nobody has asked for.
  func end() {
    for member in members where !known.contains(member.name) {
      faults.add(
        path(member.name), "unknown_field",
        "no such field; known: \(known.sorted().joined(separator: ", "))")
    }
  }

  private func distinct<Item: Equatable>(
    _ name: String, count: RecipeLimits.Range<Int>, _ read: (JSONValue, String) -> Item?
  ) -> [Item]? {
    let items = array(name, count: count, read)
    for (index, item) in (items ?? []).enumerated() {
      guard let first = items?.firstIndex(of: item), first < index else { continue }
      fault(name, at: index, "repeated", "is the same as entry \(first)")
    }
    return items
  }

  private func array<Item>(
    _ name: String, count: RecipeLimits.Range<Int>, _ read: (JSONValue, String) -> Item?
  ) -> [Item]? {
    guard let value = value(name) else { return nil }
    guard case .array(let items) = value else { return wrong(name, value, "an array") }
    guard count.contains(items.count) else {
      faults.add(
        path(name), "wrong_count", "must have \(count.minimum) to \(count.maximum) entries",
        allowed: ["min": .integer(count.minimum), "max": .integer(count.maximum)])
      return nil
    }
    let read = items.enumerated().compactMap { read($1, "\(path(name))/\($0)") }
    return read.count == items.count ? read : nil
  }

  private func seed(_ value: JSONValue, _ path: String) -> UInt64? {
    if case .number(let digits) = value, let seed = Self.integer(digits), seed >= 0,
      RecipeLimits.seed.contains(UInt64(seed))
    {
      return UInt64(seed)
    }
    faults.add(
      path, "out_of_range", "must be an integer from 0 to 2^53 - 1",
      allowed: ["min": .integer(0), "max": .integer(Int(RecipeLimits.seed.maximum))])
    return nil
  }

  private func checked(_ text: String, _ path: String, _ length: RecipeLimits.Range<Int>) -> String?
  {
    guard length.contains(RecipeLimits.length(of: text)) else {
      faults.add(
        path, "wrong_length", "must have \(length.minimum) to \(length.maximum) characters",
        allowed: ["min": .integer(length.minimum), "max": .integer(length.maximum)])
      return nil
    }
    guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
      faults.add(path, "invalid_character", "must not hold control characters")
      return nil
    }
    return text
  }

  /// `800`, and `8e2` and `800.0` as well, which JSON does not tell apart.
  private static func integer(_ digits: String) -> Int? {
    Int(digits) ?? Double(digits).flatMap { Int(exactly: $0) }
  }

  private func wrong<Value>(_ name: String, _ value: JSONValue, _ expected: String) -> Value? {
    var kind = value.kind
    if case .number(let digits) = value { kind = digits }
    faults.add(path(name), "wrong_type", "must be \(expected), not \(kind)")
    return nil
  }
}
