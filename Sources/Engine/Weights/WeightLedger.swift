package import Tensors

/// Where a model's tensors come from, and which of them have been asked for.
///
/// Loading is strict: a key that is missing, has another shape or is left over is an error.
package final class WeightLedger {
  private enum Source {
    case files([String: Stored])
    case random(Philox)
    case none
  }

  private struct Stored {
    let file: SafetensorsFile
    let place: TensorPlace
    /// The name under which the tensor is saved again.
    let savedAs: String
  }

  private let source: Source
  private let dtype: DType
  private let names: NameTable?
  private var asked: [String: Parameter] = [:]
  /// Asked by each layer that could be adapted.
  package var adapters: AdapterPlan?

  /// - Parameters:
  ///   - files: one file, or the shards of one model
  ///   - dtype: `.bf16` keeps matrices and kernels in bf16; vectors (norms, biases) are always f32
  ///   - names: how the files' names differ from ours
  package init(files: [SafetensorsFile], dtype: DType = .f32, names: NameTable? = nil) {
    var found: [String: Stored] = [:]
    for file in files {
      for key in file.keys {
        found[names?.ours(key) ?? key] = Stored(file: file, place: TensorPlace(key), savedAs: key)
      }
    }
    source = .files(found)
    self.dtype = dtype
    self.names = names
  }

  /// One component of a file in another layout. What else the file holds is its reader's matter.
  package init(file: SafetensorsFile, places: TensorPlaces, dtype: DType = .f32) {
    source = .files(
      Dictionary(
        uniqueKeysWithValues: places.map {
          ($0.key, Stored(file: file, place: $0.value, savedAs: $0.key))
        }))
    self.dtype = dtype
    names = nil
  }

  package convenience init(file: SafetensorsFile, dtype: DType = .f32, names: NameTable? = nil) {
    self.init(files: [file], dtype: dtype, names: names)
  }

  /// Random first values: each tensor's draw depends on the seed and its own key alone.
  package init(random philox: Philox, dtype: DType = .f32) {
    source = .random(philox)
    self.dtype = dtype
    names = nil
  }

  /// No source: tensors have their shapes and no values. Tells which keys a model asks for, without
  /// the memory, since pages that nobody writes are never handed out.
  package init() {
    (source, dtype, names) = (.none, .f32, nil)
  }

  package var root: WeightScope { WeightScope(ledger: self, path: "") }

  /// Every tensor asked for so far.
  package var parameters: ParameterList { ParameterList(asked.values) }

  /// Whether the source is a file that holds `key`.
  package func holds(_ key: String) -> Bool {
    guard case .files(let found) = source else { return false }
    return found[key] != nil
  }

  func tensor(
    _ key: String, shape: [Int], initial: Initializer
  ) throws(WeightError) -> Tensor {
    precondition(asked[key] == nil, "WeightLedger: '\(key)' asked for twice")
    let dtype = shape.count >= 2 ? dtype : .f32
    switch source {
    case .files(let found):
      guard let stored = found[key], let entry = stored.file[stored.place.key] else {
        throw .missing(key: found[key]?.place.key ?? names?.theirs(key) ?? key)
      }
      let fileKey = stored.place.key
      guard stored.place.holds(shape, in: entry.shape) else {
        throw .shapeMismatch(key: fileKey, expected: shape, found: entry.shape)
      }
      guard entry.dtype.isWeight else {
        throw .unsupportedDType(
          key: fileKey, dtype: entry.dtype.rawValue, wanted: "F32, F16 or BF16")
      }
      let tensor = stored.place.ours(
        try stored.file.tensor(fileKey, as: dtype), shape: Shape(shape))
      asked[key] = Parameter(
        key: key, fileKey: stored.savedAs, tensor: tensor, storedDType: entry.dtype)
      return tensor
    case .random(let philox):
      let drawn = initial.values(philox, key: key, shape: Shape(shape))
      let tensor = dtype == .f32 ? drawn : drawn.cast(to: dtype)
      let stored: StoredDType = dtype == .f32 ? .f32 : .bf16
      asked[key] = Parameter(key: key, fileKey: key, tensor: tensor, storedDType: stored)
      return tensor
    case .none:
      let tensor = Tensor(uninitialized: Shape(shape))
      asked[key] = Parameter(key: key, fileKey: key, tensor: tensor, storedDType: .f32)
      return tensor
    }
  }

  /// - Parameter allowed: names that old files carry although they are no weights
  /// - Throws: `.unused` with every key that no layer has asked for
  package func requireAllUsed(except allowed: [String] = []) throws(WeightError) {
    guard case .files(let found) = source else { return }
    let left = found.filter { asked[$0.key] == nil && !allowed.contains($0.key) }
    guard left.isEmpty else { throw .unused(keys: left.values.map(\.place.key).sorted()) }
  }
}

extension Initializer {
  fileprivate func values(_ philox: Philox, key: String, shape: Shape) -> Tensor {
    let draw = philox.draw(.initialization, index: key.stableIndex)
    return withoutGradients {
      switch self {
      case .zeros: Tensor.zeros(shape)
      case .ones: Tensor.full(shape, 1)
      case .constant(let value): Tensor.full(shape, value)
      case .uniform(let bound): (draw.uniform(shape) * 2 - 1) * bound
      case .normal(let deviation): draw.normal(shape) * deviation
      }
    }
  }
}
