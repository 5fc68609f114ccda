import Contract
import Foundation
import Storage

/// What happened outside a job and will pass: judged by error numbers, never by their words.
enum PassingTrouble {
  /// - Returns: why the job has to wait; `nil` if waiting does not help
  static func reason(of error: any Error) -> EngineError? {
    switch error {
    case StorageError.diskFull:
      return EngineError(
        .diskFull, "\(error)", hint: "free space on the data folder's disk; the job goes on then")
    case let error as StorageError where error.isPassing: return unavailable("\(error)")
    case let error as JobError where error.isPassing: return unavailable("\(error)")
    case is StorageError, is JobError, is EngineError: return nil
    default:
      return FileIO.passing(error, "working on the job").flatMap { reason(of: $0) }
    }
  }

  private static func unavailable(_ message: String) -> EngineError {
    EngineError(
      .storageUnavailable, message, hint: "nothing has to be done; the job is tried again")
  }
}
