/// Why a run failed, in the words of the API (`error.code`), with what to do about it.
package struct EngineError: Error, Codable, Equatable, Sendable, CustomStringConvertible {
  package enum Code: String, Codable, Sendable, CaseIterable {
    case imagesRejected = "images_rejected"
    case willNotFit = "will_not_fit"
    case outOfMemory = "out_of_memory"
    case nonfinite
    case resumeIncompatible = "resume_incompatible"
    case checkpointCorrupt = "checkpoint_corrupt"
    case baseModelMissing = "base_model_missing"
    case baseModelInvalid = "base_model_invalid"
    case recipeInvalid = "recipe_invalid"
    case diskFull = "disk_full"
    /// A shortage or a failed read that may pass: the same work is tried again later.
    case storageUnavailable = "storage_unavailable"
    /// A kept photo is not what it was when it was accepted.
    case photoDamaged = "photo_damaged"
    case deadlineExceeded = "deadline_exceeded"
    case workerLost = "worker_lost"
    case workerCrashed = "worker_crashed"
    case internalError = "internal"
  }

  package var code: Code
  package var message: String
  /// The recipe field at fault, as a path: `training/learning_rate`.
  package var parameter: String?
  /// What the user can do.
  package var hint: String?
  /// The step at which it happened.
  package var step: Int?

  package init(
    _ code: Code, _ message: String, parameter: String? = nil, hint: String? = nil,
    step: Int? = nil
  ) {
    self.code = code
    self.message = message
    self.parameter = parameter
    self.hint = hint
    self.step = step
  }

  package var description: String { "\(code.rawValue): \(message)" }
}
