package import Contract
package import Foundation

package enum JobKind: String, Codable, Sendable, CaseIterable { case train }

/// What refines `succeeded`.
package enum JobOutcome: String, Codable, Sendable { case complete, early, deadline }

/// A job as stored. The API's job object is made of this and of nothing else.
package struct Job: Codable, Equatable, Sendable {
  package var id: String
  package var kind: JobKind
  package var name: String?
  package var status: JobState
  /// Raised by every move: long polls and compare-and-swap use it.
  package var statusSeq: Int
  package var outcome: JobOutcome?
  package var phase: WorkEvent.Phase?
  /// Starts at 1 and counts failures of the job itself; a stop of the service costs none.
  package var attempt: Int
  package var maxAttempts: Int
  /// Counts claims; fences every write of an attempt.
  package var epoch: Int
  package var priority: Int
  package var createdAt: Timestamp
  package var queuedAt: Timestamp?
  package var startedAt: Timestamp?
  package var finishedAt: Timestamp?
  package var progress: JobProgress?
  /// The request as sent, as JSON text.
  package var config: String
  /// The request with every choice made, frozen at acceptance.
  package var recipe: TrainingRecipe
  package var identifier: JobIdentifier?
  package var datasetId: String
  package var baseModel: BaseModelReference
  package var onRejectedImage: RejectedImagePolicy
  package var warnings: [JobWarning]
  package var error: JobFailure?
  package var build: String
  package var metadata: [String: String]
  package var retriedFrom: String?
  package var clonedFrom: String?
  /// Checkpoint whose trained weights are the first values; its files lie in the job's `init` folder.
  package var initFrom: CheckpointReference?
  /// Checkpoint with which the run goes on; its files lie in the job's `resume` folder.
  package var resumeFrom: CheckpointReference?
  /// For each subject of a job with several, its pictures.
  package var subjectImages: [SubjectImages]?
  package var waiting: JobWaiting?

  package var classNoun: String { recipe.classNoun }
  package var seed: UInt64 { recipe.training.seed }
}

/// The rare token that the run uses, known once the engine has picked it.
package struct JobIdentifier: Codable, Equatable, Sendable {
  package var text: String
  package var tokenIds: [Int]
  /// `auto` or `user`.
  package var source: String
  package init(text: String, tokenIds: [Int], source: String) {
    self.text = text
    self.tokenIds = tokenIds
    self.source = source
  }
}

package struct BaseModelReference: Codable, Equatable, Sendable {
  package var id: String
  package var sha256: String
  package init(id: String, sha256: String) {
    self.id = id
    self.sha256 = sha256
  }
}

/// A checkpoint of another job, known by more than its row: that may go while this reference stays.
package struct CheckpointReference: Codable, Equatable, Sendable {
  package var id: String
  package var jobId: String
  package var step: Int
  package var manifestSha256: String

  package init(_ checkpoint: Checkpoint) {
    id = checkpoint.id
    jobId = checkpoint.jobId
    step = checkpoint.step
    manifestSha256 = checkpoint.manifestSha256
  }
}

/// A checkpoint and the folder in which its files are now.
package struct CheckpointSource: Equatable, Sendable {
  package var reference: CheckpointReference
  package var folder: URL
  package init(_ reference: CheckpointReference, in folder: URL) {
    self.reference = reference
    self.folder = folder
  }
}

package enum RejectedImagePolicy: String, Codable, Sendable, CaseIterable { case fail, skip }

package struct JobWarning: Codable, Equatable, Sendable {
  package var code: String
  /// The request field or image it is about: `images/2`.
  package var param: String?
  package var message: String
  package init(code: String, param: String?, message: String) {
    self.code = code
    self.param = param
    self.message = message
  }
}

/// Why a job waits although a worker is free: something outside it has to pass.
package struct JobWaiting: Codable, Equatable, Sendable {
  package var code: EngineError.Code
  package var message: String
  package var hint: String?
  /// When it is tried again; not before there is space, if that is what is missing.
  package var nextTry: Timestamp
  package init(_ error: EngineError, nextTry: Timestamp) {
    (code, message, hint, self.nextTry) = (error.code, error.message, error.hint, nextTry)
  }
}

/// Why a job failed: `error` of the job object.
package struct JobFailure: Codable, Equatable, Sendable {
  package var code: EngineError.Code
  package var message: String
  package var param: String?
  /// Whether the same request may succeed later without a change.
  package var retryable: Bool
  package var step: Int?
  package var hint: String?

  package init(_ error: EngineError, retryable: Bool = false) {
    code = error.code
    message = error.message
    param = error.parameter
    step = error.step
    hint = error.hint
    self.retryable = retryable
  }
}

/// Coalesced progress, at most two writes a second.
package struct JobProgress: Codable, Equatable, Sendable {
  package struct Quantiles<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
    package var p50: Value
    package var p90: Value
    package init(p50: Value, p90: Value) {
      self.p50 = p50
      self.p90 = p90
    }
  }

  package struct Loss: Codable, Equatable, Sendable {
    package var instance: Float
    package var prior: Float?
    package init(instance: Float, prior: Float?) {
      self.instance = instance
      self.prior = prior
    }
  }

  package var step: Int
  package var totalSteps: Int
  /// Training steps done, 0...1.
  package var fraction: Double
  /// Work items of the current phase that are not training steps: class images, samples.
  package var phaseDone: Int?
  package var phaseTotal: Int?
  package var stepMs: Quantiles<Int>?
  /// When training will end by the measured step times.
  package var eta: Quantiles<Timestamp>?
  package var loss: Loss?

  package init(step: Int, totalSteps: Int) {
    self.step = step
    self.totalSteps = totalSteps
    fraction = totalSteps > 0 ? Double(step) / Double(totalSteps) : 0
  }
}

/// What is known of a job before it is stored: a validated request, every choice made.
package struct JobDraft: Sendable {
  package var kind = JobKind.train
  package var name: String?
  package var config: String
  package var recipe: TrainingRecipe
  package var baseModel: BaseModelReference
  package var onRejectedImage = RejectedImagePolicy.fail
  package var priority = 0
  package var maxAttempts = 3
  package var metadata: [String: String] = [:]
  package var warnings: [JobWarning] = []
  package var build: String
  /// The dataset of an earlier job, whose pictures are used again; `nil` where photos come with the job.
  package var sharedDataset: String?
  package var retriedFrom: String?
  package var clonedFrom: String?
  package var initFrom: CheckpointSource?
  package var resumeFrom: CheckpointSource?
  package var subjectImages: [SubjectImages]?

  package init(
    config: String, recipe: TrainingRecipe, baseModel: BaseModelReference, build: String
  ) {
    self.config = config
    self.recipe = recipe
    self.baseModel = baseModel
    self.build = build
  }
}
