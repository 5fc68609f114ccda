import Contract
import Glibc
import Storage

/// What the end of an attempt means for its job.
enum AttemptEnding: Equatable, Sendable {
  case publish([WorkEvent.Artifact])
  case fail(JobFailure)
  /// Back to the queue; `counts` if it was a failure of the job itself.
  case again(JobFailure, counts: Bool)
  /// Back to the queue, and left alone there until what stood in the way may have passed.
  case wait(JobFailure, counts: Bool)
}

/// Judges an ended attempt by its exit and its last words.
struct RetryPolicy: Sendable {
  var exit: ChildExit
  var failure: EngineError?
  var finished: WorkEvent.Finished?
  /// Whether the service asked for the end because it stops itself.
  var suspended: Bool
  /// Whether the attempt got further than the one before: a new verified checkpoint. Being killed then
  /// costs nothing, so a job of days outlives any number of interruptions, while a job that never gets
  /// anywhere uses its attempts up.
  var progressed: Bool
  /// Seconds of silence after which the service itself ended the worker.
  var silentSeconds: Int?

  func ending(of job: Job) -> AttemptEnding {
    let judged = judge()
    switch judged {
    case .again(let failure, counts: true), .wait(let failure, counts: true):
      return job.attempt >= job.maxAttempts ? .fail(failure) : judged
    default: return judged
    }
  }

  private func judge() -> AttemptEnding {
    switch exit {
    case .code(WorkerExit.done.rawValue):
      if let finished { return .publish(finished.artifacts) }
      return .again(crash("the worker ended without a result"), counts: true)
    case .code(WorkerExit.badInput.rawValue):
      return .fail(JobFailure(failure ?? unexplained))
    case .code(WorkerExit.tryAgain.rawValue):
      let failure = failure ?? unexplained
      // Trying again at once meets the same disk and the same memory.
      return switch failure.code {
      case .diskFull, .storageUnavailable:
        .wait(JobFailure(failure, retryable: true), counts: false)
      // A job that is larger than the machine must not wait for ever.
      case .outOfMemory: .wait(JobFailure(failure, retryable: true), counts: !progressed)
      default: .again(JobFailure(failure, retryable: true), counts: true)
      }
    case .code(WorkerExit.outOfMemory.rawValue):
      return .wait(JobFailure(failure ?? memory, retryable: true), counts: !progressed)
    case .code(WorkerExit.bug.rawValue):
      return .again(JobFailure(failure ?? unexplained), counts: true)
    case .code(WorkerExit.interrupted.rawValue), .code(128 + SIGKILL), .code(128 + SIGTERM),
      .signal(SIGKILL), .signal(SIGTERM), .signal(SIGINT):
      return .again(silence ?? lost, counts: !suspended && !progressed)
    case .code, .signal:
      return .again(crash("the worker crashed (\(exit))"), counts: true)
    }
  }

  private var unexplained: EngineError {
    EngineError(.internalError, "the worker gave up without a reason (\(exit)); see the log")
  }

  private var memory: EngineError {
    EngineError(
      .outOfMemory, "the machine had no memory left for the run",
      hint: "a smaller model, resolution or batch needs less")
  }

  private var silence: JobFailure? {
    silentSeconds.map {
      JobFailure(
        EngineError(
          .workerLost, "the worker gave no sign of life for \($0) seconds and was ended",
          hint: "somebody may have stopped the process, or its disk does not answer"),
        retryable: true)
    }
  }

  private var lost: JobFailure {
    JobFailure(
      EngineError(
        .workerLost, "the worker was ended from outside (\(exit))",
        hint: "the machine may have run out of memory; a smaller model or batch needs less"),
      retryable: true)
  }

  private func crash(_ message: String) -> JobFailure {
    JobFailure(
      failure
        ?? EngineError(.workerCrashed, message, hint: "see the job's log, and report it as a bug"))
  }
}
