import Foundation
import Yams

/// `openapi.yaml` as a tree, and the part of JSON Schema that it uses.
struct OpenAPI {
  struct Operation {
    let id: String
    let method: String
    let path: String
    let node: [String: Any]
  }

  let root: [String: Any]

  static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "openapi.yaml")

  init() throws {
    root =
      try Yams.load(yaml: String(contentsOf: Self.file, encoding: .utf8)) as? [String: Any] ?? [:]
  }

  var operations: [Operation] {
    let paths = root["paths"] as? [String: [String: Any]] ?? [:]
    return paths.flatMap { path, item in
      item.compactMap { method, node in
        guard let node = node as? [String: Any], let id = node["operationId"] as? String else {
          return nil
        }
        return Operation(id: id, method: method.uppercased(), path: path, node: node)
      }
    }.sorted { $0.id < $1.id }
  }

  func resolve(_ node: [String: Any]) -> [String: Any] {
    guard let reference = node["$ref"] as? String else { return node }
    var target: Any? = root
    for name in reference.dropFirst(2).split(separator: "/") {
      target = (target as? [String: Any])?[String(name)]
    }
    return resolve(target as? [String: Any] ?? ["not": true])
  }

  /// - Returns: what is wrong, with the place; empty if the value fits.
  func faults(_ value: Any, _ schema: [String: Any], at place: String = "") -> [String] {
    let schema = resolve(schema)
    var faults: [String] = []
    for keyword in schema.keys where !Self.known.contains(keyword) {
      faults.append("\(place): the validator does not know \(keyword)")
    }
    if let types = (schema["type"] as? [String]) ?? (schema["type"] as? String).map({ [$0] }),
      !types.contains(where: { Self.fits(value, type: $0) })
    {
      return ["\(place): \(value) is not \(types.joined(separator: " or "))"]
    }
    if let options = schema["enum"] as? [Any], !options.contains(where: { Self.equal($0, value) }) {
      faults.append("\(place): \(value) is not in the enum")
    }
    if let constant = schema["const"], !Self.equal(constant, value) {
      faults.append("\(place): \(value) is not \(constant)")
    }
    if let text = value as? String { faults += textFaults(text, schema, place) }
    if let number = value as? NSNumber, !Self.isBool(number) {
      if let least = schema["minimum"] as? NSNumber, number.doubleValue < least.doubleValue {
        faults.append("\(place): \(number) is below \(least)")
      }
      if let most = schema["maximum"] as? NSNumber, number.doubleValue > most.doubleValue {
        faults.append("\(place): \(number) is above \(most)")
      }
    }
    if let object = value as? [String: Any] { faults += objectFaults(object, schema, place) }
    if let items = value as? [Any], let schema = schema["items"] as? [String: Any] {
      for (index, item) in items.enumerated() {
        faults += self.faults(item, schema, at: "\(place)/\(index)")
      }
    }
    if let parts = schema["allOf"] as? [[String: Any]] {
      for part in parts { faults += self.faults(value, part, at: place) }
    }
    if let options = schema["oneOf"] as? [[String: Any]] {
      let fitting = options.filter { self.faults(value, $0, at: place).isEmpty }.count
      if fitting != 1 { faults.append("\(place): fits \(fitting) of oneOf") }
    }
    return faults
  }

  private static let known: Set<String> = [
    "type", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum", "required",
    "properties", "additionalProperties", "items", "oneOf", "allOf", "description", "default",
    "minItems", "maxItems", "maxProperties", "contentMediaType",
  ]

  private func textFaults(_ text: String, _ schema: [String: Any], _ place: String) -> [String] {
    guard let pattern = schema["pattern"] as? String else { return [] }
    return text.range(of: pattern, options: .regularExpression) == nil
      ? ["\(place): \(text) does not match \(pattern)"] : []
  }

  private func objectFaults(
    _ object: [String: Any], _ schema: [String: Any], _ place: String
  ) -> [String] {
    var faults: [String] = []
    for name in schema["required"] as? [String] ?? [] where object[name] == nil {
      faults.append("\(place): \(name) is missing")
    }
    let properties = schema["properties"] as? [String: Any] ?? [:]
    for (name, value) in object {
      if let property = properties[name] as? [String: Any] {
        faults += self.faults(value, property, at: "\(place)/\(name)")
      } else if let rest = schema["additionalProperties"] as? [String: Any] {
        faults += self.faults(value, rest, at: "\(place)/\(name)")
      } else if schema["additionalProperties"] as? Bool == false {
        faults.append("\(place): \(name) is not documented")
      }
    }
    return faults
  }

  private static func isBool(_ number: NSNumber) -> Bool {
    String(cString: number.objCType) == "c"
  }

  private static func fits(_ value: Any, type: String) -> Bool {
    switch type {
    case "null": value is NSNull
    case "string": value is String
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "boolean": (value as? NSNumber).map(isBool) ?? false
    case "number": (value as? NSNumber).map { !isBool($0) } ?? false
    case "integer":
      (value as? NSNumber).map { !isBool($0) && $0.doubleValue == $0.doubleValue.rounded() }
        ?? false
    default: false
    }
  }

  private static func equal(_ a: Any, _ b: Any) -> Bool {
    if a is NSNull || b is NSNull { return a is NSNull && b is NSNull }
    if let a = a as? String { return a == b as? String }
    return (a as? NSNumber) == (b as? NSNumber)
  }
}
