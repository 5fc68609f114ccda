package import Foundation
package import Tensors
package import Weights

/// One file of golden fixtures (Tools/golden): cases with inputs, parameters, outputs and gradients.
///
/// The folder is `Tests/Fixtures/golden`, or the one named by the environment variable `GOLDEN_DIR`.
/// A file that is missing, altered or older than the scripts is an error that says how to write it again.
package struct GoldenFile {
  package let cases: [GoldenCase]

  package init(_ name: String) throws {
    let url = try GoldenFolder.verified("\(name).safetensors")
    let file = try SafetensorsFile(url)
    guard let text = file.metadata["cases"],
      let list = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
    else { throw GoldenError.missing(key: "metadata `cases`", file: url.lastPathComponent) }
    cases = try list.map { try GoldenCase($0, of: file) }
  }

  package func callAsFunction(_ name: String) throws -> GoldenCase {
    guard let found = cases.first(where: { $0.name == name }) else {
      throw GoldenError.missing(key: name, file: cases.first?.file.url.lastPathComponent ?? "")
    }
    return found
  }
}

package enum GoldenError: Error, CustomStringConvertible {
  case missing(key: String, file: String)
  case unusable(file: String, reason: String)

  package var description: String {
    switch self {
    case .missing(let key, let file): "\(file) has no \(key). \(GoldenFolder.remedy)"
    case .unusable(let file, let reason): "\(file): \(reason). \(GoldenFolder.remedy)"
    }
  }
}

/// A case of a golden file: its tensors by role, and everything else from the metadata.
package struct GoldenCase {
  package let name: String
  let file: SafetensorsFile
  private let fields: [String: Any]

  init(_ fields: [String: Any], of file: SafetensorsFile) throws {
    guard let name = fields["name"] as? String else {
      throw GoldenError.missing(key: "case name", file: file.url.lastPathComponent)
    }
    (self.name, self.file, self.fields) = (name, file, fields)
  }

  package func field<T>(_ key: String, as type: T.Type = T.self) throws -> T {
    if let number = fields[key] as? NSNumber, type == Float.self,
      let value = number.floatValue as? T
    {
      return value
    }
    guard let value = fields[key] as? T else {
      throw GoldenError.missing(
        key: "\(name).\(key) of type \(type)", file: file.url.lastPathComponent)
    }
    return value
  }

  /// A field as JSON, for a config's decoder.
  package func json(_ key: String) throws -> Data {
    try JSONSerialization.data(withJSONObject: field(key, as: [String: Any].self))
  }

  /// A field of `config`; `nil` where it says null.
  package func config<T>(_ key: String, as type: T.Type = T.self) throws -> T? {
    let config: [String: Any] = try field("config")
    guard let value = config[key] else {
      throw GoldenError.missing(key: "\(name).config.\(key)", file: file.url.lastPathComponent)
    }
    return value as? T
  }

  /// All tensors of a role (`in`, `param`, `out`, `cotangent`, `din`, `dparam`), by the rest of their key.
  package func tensors(_ role: String, trainable: Bool = false) throws -> [String: Tensor] {
    let prefix = "\(name).\(role)."
    var found: [String: Tensor] = [:]
    for key in file.keys where key.hasPrefix(prefix) {
      // A copy: parameters of a test are written to, files are not.
      let tensor = try file.tensor(key).copy()
      tensor.isTrainable = trainable
      found[String(key.dropFirst(prefix.count))] = tensor
    }
    return found
  }

  /// Where a model of this case finds its parameters; a new ledger at each call.
  package var weights: WeightScope { WeightLedger(file: file).root / name / "param" }

  package func tensor(_ role: String, _ key: String) throws -> Tensor {
    try file.tensor("\(name).\(role).\(key)").copy()
  }
}
