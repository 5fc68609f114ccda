package import Contract
import Foundation

/// What can end a training run.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// A loss, gradient or weight is infinite or not a number.
  case nonfinite(tensor: String, step: Int)
  case checkpointCorrupt(folder: String, reason: String)
  /// It cannot be read now, which proves nothing about it; `code` is the `errno`.
  case checkpointUnreadable(folder: String, code: Int32)
  /// The checkpoint is whole but belongs to another run.
  case resumeIncompatible(field: String, checkpoint: String, run: String)
  case invalidRecipe(parameter: String, reason: String)
  case unusableImage(id: String, reason: String)
  case classImagesUnusable(prompt: String, reason: String)
  case exportDiffers(key: String)

  package var description: String {
    switch self {
    case .nonfinite(let tensor, let step):
      "\(tensor) is not finite at step \(step); the last checkpoint is kept"
    case .checkpointCorrupt(let folder, let reason): "checkpoint \(folder): \(reason)"
    case .checkpointUnreadable(let folder, let code):
      "checkpoint \(folder) cannot be read now: \(String(cString: strerror(code)))"
    case .resumeIncompatible(let field, let checkpoint, let run):
      "the checkpoint was written with \(field) \(checkpoint), this run has \(run)"
    case .invalidRecipe(let parameter, let reason): "\(parameter): \(reason)"
    case .unusableImage(let id, let reason): "picture \(id): \(reason)"
    case .classImagesUnusable(let prompt, let reason): "class pictures of \"\(prompt)\": \(reason)"
    case .exportDiffers(let key): "the exported model differs from the trained one at \(key)"
    }
  }

  package var engineError: EngineError {
    switch self {
    case .nonfinite(_, let step):
      EngineError(
        .nonfinite, description, parameter: "training/learning_rate",
        hint: "lower the learning rate, or train in f32", step: step)
    case .checkpointCorrupt:
      EngineError(.checkpointCorrupt, description, hint: "resume from an older checkpoint")
    case .checkpointUnreadable:
      EngineError(
        .storageUnavailable, description, hint: "nothing has to be done; the run is tried again")
    case .resumeIncompatible:
      EngineError(
        .resumeIncompatible, description,
        hint: "resume with the build, machine and recipe of the checkpoint, or start anew")
    case .invalidRecipe(let parameter, _):
      EngineError(.recipeInvalid, description, parameter: parameter)
    case .unusableImage: EngineError(.imagesRejected, description, parameter: "images")
    case .classImagesUnusable:
      EngineError(
        .baseModelInvalid, description, parameter: "prior/images",
        hint: "use another class noun or base model, or switch the prior off")
    case .exportDiffers: EngineError(.internalError, description)
    }
  }
}
