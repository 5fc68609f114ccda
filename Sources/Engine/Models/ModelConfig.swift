package import Foundation
package import Weights

/// A checkpoint's own `config.json` as a struct, with snake_case names in the file.
///
/// Fields that decide shapes have no default. Fields of which this engine computes one value only
/// are `fixed`: a file with another value is refused, and they are written back.
package protocol ModelConfig: Codable, Equatable, Sendable {
  /// The field that names the class, and the class.
  static var classField: (key: String, value: JSONValue) { get }
  static var fixed: [String: JSONValue] { get }
  /// Fields that older files lack and that decide no shape.
  static var defaults: [String: JSONValue] { get }
  /// What the numbers contradict, or nil.
  var contradiction: String? { get }
}

extension ModelConfig {
  package init(folder: URL) throws(WeightError) {
    let url = folder.appendingPathComponent("config.json")
    try self.init(json: try SmallFile.read(url), file: url.shortName)
  }

  /// - Parameter file: what messages call the place that the JSON comes from
  package init(json data: Data, file: String) throws(WeightError) {
    func refuse(_ reason: String) -> WeightError { .config(file: file, reason: reason) }
    guard var fields = try? JSONDecoder().decode([String: JSONValue].self, from: data) else {
      throw refuse("it is not a JSON object")
    }
    let (key, value) = Self.classField
    guard let found = fields[key], found.matches(value) else {
      throw refuse("\(key) is \(text(fields[key])); \(text(value)) is supported here")
    }
    for (key, value) in Self.fixed.sorted(by: { $0.key < $1.key }) {
      guard let found = fields[key] else { continue }
      guard found.matches(value) else {
        throw refuse("\(key) is \(text(found)); \(text(value)) is supported")
      }
    }
    fields.merge(Self.defaults) { file, _ in file }
    do {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      self = try decoder.decode(Self.self, from: JSONEncoder().encode(fields))
    } catch let error as DecodingError {
      throw refuse(explain(error))
    } catch {
      throw refuse(error.localizedDescription)
    }
    if let contradiction { throw refuse(contradiction) }
  }

  /// Every field of the file, with the file's names.
  package var fields: [String: JSONValue] {
    get throws {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      var fields = try JSONDecoder().decode([String: JSONValue].self, from: encoder.encode(self))
      fields.merge(Self.fixed) { own, _ in own }
      fields[Self.classField.key] = Self.classField.value
      return fields
    }
  }

  package func write(to folder: URL) throws(WeightError) {
    let url = folder.appendingPathComponent("config.json")
    do {
      let writer = JSONEncoder()
      writer.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try AtomicFile.write(writer.encode(fields) + Data("\n".utf8), to: url)
    } catch let error as WeightError {
      throw error
    } catch {
      throw .writeFailed(
        file: url.shortName, reason: error.localizedDescription,
        code: SystemError.code(of: error) ?? 0)
    }
  }
}

private func text(_ value: JSONValue?) -> String {
  guard let value, let data = try? JSONEncoder().encode(value) else { return "missing" }
  return String(decoding: data, as: UTF8.self)
}

private func explain(_ error: DecodingError) -> String {
  /// The field as the file spells it: the decoder reports our names.
  func field(_ path: [any CodingKey]) -> String {
    let name = path.map(\.stringValue).joined(separator: ".")
    return "field '\(name.replacing(/[A-Z]/) { "_" + $0.output.lowercased() })'"
  }
  return switch error {
  case .keyNotFound(let key, let context): "\(field(context.codingPath + [key])) is missing"
  case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
    "\(field(context.codingPath)): \(context.debugDescription)"
  @unknown default: "\(error)"
  }
}

/// The first of `checks` that does not hold.
func firstFailure(_ checks: [(holds: Bool, message: String)]) -> String? {
  checks.first { !$0.holds }?.message
}

/// The widest layer that a config may ask for; keeps products of its numbers far from overflow.
let maximumWidth = 1 << 20
