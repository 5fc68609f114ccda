/// What can be wrong with a model's files. Keys are written in full, as in the file.
package enum WeightError: Error, Equatable, CustomStringConvertible {
  /// `code` is the `errno` of a failed call, 0 where the file itself is at fault; see `SystemError`.
  case unreadable(file: String, reason: String, code: Int32 = 0)
  case malformed(file: String, reason: String)
  case pickle(file: String)
  case missing(key: String)
  case shapeMismatch(key: String, expected: [Int], found: [Int])
  case unused(keys: [String])
  case unsupportedDType(key: String, dtype: String, wanted: String)
  case config(file: String, reason: String)
  case writeFailed(file: String, reason: String, code: Int32 = 0)

  package var description: String {
    switch self {
    case .unreadable(let file, let reason, _):
      "\(file) cannot be read: \(reason)"
    case .malformed(let file, let reason):
      "\(file) is not a valid safetensors file: \(reason)"
    case .pickle(let file):
      "\(file) is a pickle, which can run code when it is opened; "
        + "convert it to safetensors with the tool that made it"
    case .missing(let key):
      "the weights have no tensor '\(key)', which this model needs"
    case .shapeMismatch(let key, let expected, let found):
      "tensor '\(key)' has shape \(found), but the model's config.json makes it \(expected)"
    case .unused(let keys):
      "the weights hold \(keys.count) tensor(s) that this model does not have: "
        + keys.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
        + (keys.count > 5 ? ", ..." : "")
    case .unsupportedDType(let key, let dtype, let wanted):
      "tensor '\(key)' has dtype \(dtype); \(wanted) is needed here"
    case .config(let file, let reason):
      "\(file): \(reason)"
    case .writeFailed(let file, let reason, _):
      "\(file) cannot be written: \(reason)"
    }
  }
}
