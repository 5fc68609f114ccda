/// What can be wrong with a model folder, a request or its outcome.
package enum DiffusionError: Error, Equatable, CustomStringConvertible {
  case modelMissing(folder: String)
  case invalidModel(folder: String, reason: String)
  case invalidSchedule(file: String, reason: String)
  case invalidRequest(parameter: String, reason: String)
  /// Never replaced by zeros: the picture is named and the run fails.
  case nonfinite(what: String, seed: UInt64, step: Int)

  package var description: String {
    switch self {
    case .modelMissing(let folder):
      "no model at \(folder): a folder in diffusers layout with `model_index.json` is needed"
    case .invalidModel(let folder, let reason): "model folder \(folder): \(reason)"
    case .invalidSchedule(let file, let reason): "\(file): \(reason)"
    case .invalidRequest(let parameter, let reason): "\(parameter): \(reason)"
    case .nonfinite(let what, let seed, let step):
      "\(what) of the picture with seed \(seed) are not finite after step \(step)"
    }
  }
}
