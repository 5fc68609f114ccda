package import Foundation
package import Tensors
package import Weights

/// A model that lies in a folder of its own: `config.json` beside its weights.
package protocol ModelComponent {
  associatedtype Config: ModelConfig
  var config: Config { get }
  var parameters: ParameterList { get }
  /// The weight file's name without ending.
  static var weightsName: String { get }
  /// Names in files that are no weights.
  static var allowedLeftovers: [String] { get }
  /// Where the model's keys begin in a file.
  static func scope(in ledger: WeightLedger) -> WeightScope
  /// How the files' names differ from ours.
  static func names(for files: [SafetensorsFile]) -> NameTable?
  init(_ w: WeightScope, config: Config) throws(WeightError)
}

extension ModelComponent {
  package static var allowedLeftovers: [String] { [] }
  package static func scope(in ledger: WeightLedger) -> WeightScope { ledger.root }
  package static func names(for files: [SafetensorsFile]) -> NameTable? { nil }

  /// Opens a component's folder. Every key must be there, have its shape and be used.
  /// - Parameters:
  ///   - dtype: `.bf16` keeps matrices and kernels in bf16, for inference
  ///   - adapters: asked by each layer that could have one
  package static func open(
    _ folder: URL, dtype: DType = .f32, adapters: AdapterPlan? = nil
  ) throws(WeightError) -> Self {
    let config = try Config(folder: folder)
    let files = try ModelFolder.weights(in: folder, name: weightsName)
    let ledger = WeightLedger(files: files, dtype: dtype, names: names(for: files))
    ledger.adapters = adapters
    let model = try Self(scope(in: ledger), config: config)
    try ledger.requireAllUsed(except: allowedLeftovers)
    return model
  }

  /// A model with random first values.
  package static func random(
    _ config: Config, seed: UInt64, dtype: DType = .f32, adapters: AdapterPlan? = nil
  ) throws(WeightError) -> Self {
    let ledger = WeightLedger(random: Philox(seed: seed), dtype: dtype)
    ledger.adapters = adapters
    return try Self(scope(in: ledger), config: config)
  }

  /// Writes config and weights into a folder, which is made if needed.
  /// - Parameter dtype: nil keeps each tensor's stored format
  package func save(to folder: URL, dtype: StoredDType? = nil) throws(WeightError) {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw .writeFailed(
        file: folder.shortName, reason: error.localizedDescription,
        code: SystemError.code(of: error) ?? 0)
    }
    try config.write(to: folder)
    try parameters.save(
      to: folder.appendingPathComponent("\(Self.weightsName).safetensors"), dtype: dtype)
  }
}
