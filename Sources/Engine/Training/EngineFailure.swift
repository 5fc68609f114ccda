package import Contract
import Diffusion
import Evaluation
import Foundation
import Imaging
import Weights

extension EngineError {
  /// What a caught error is to the service: always a code that says what to do.
  package init(describing error: any Error) {
    if let code = SystemError.code(of: error) {
      if SystemError.isDiskFull(code) {
        self.init(
          .diskFull, "the disk is full",
          hint: "free space on the data volume; the run goes on then")
        return
      }
      if SystemError.isPassing(code) {
        self.init(
          .storageUnavailable, PlainReason.of(error),
          hint: "nothing has to be done; the run is tried again")
        return
      }
    }
    switch error {
    case let error as EngineError: self = error
    case let error as TrainingError: self = error.engineError
    case .modelMissing as DiffusionError:
      self.init(.baseModelMissing, "\(error)", parameter: "base_model")
    case .nonfinite as DiffusionError:
      self.init(.nonfinite, "\(error)", hint: "use f32, or another base model")
    case .invalidRequest(let parameter, _) as DiffusionError:
      self.init(.recipeInvalid, "\(error)", parameter: parameter)
    case is DiffusionError, is WeightError:
      self.init(.baseModelInvalid, "\(error)", parameter: "base_model")
    default:
      // Standard error is the job's log.
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      self.init(.internalError, PlainReason.of(error), hint: "see the job's log")
    }
  }
}
