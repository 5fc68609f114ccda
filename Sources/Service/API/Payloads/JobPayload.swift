import Contract
import Foundation
import Storage

/// The job object: one shape for every kind of job and every place it is shown.
struct JobPayload: Encodable, Sendable {
  struct DatasetSummary: Encodable, Sendable {
    var id: String
    var images: Int
    var sha256: Null<String>
  }

  struct Failure: Encodable, Sendable {
    var code: EngineError.Code
    var message: String
    var param: Null<String>
    var retryable: Bool
    var step: Null<Int>
    var hint: Null<String>
    var logUrl: String
  }

  struct Waiting: Encodable, Sendable {
    var code: EngineError.Code
    var message: String
    var hint: Null<String>
    var nextTryAt: Timestamp
  }

  struct Identifier: Encodable, Sendable {
    var text: String
    var tokenIds: [Int]
    var source: String
  }

  struct URLs: Encodable, Sendable {
    var `self`: String
    var events: String
    var metrics: String
    var logs: String
    var cancel: String
    var retry: String
    var clone: String
    var samples: String
    var grid: String
    var checkpoints: String
    var reports: String
    var artifacts: String
    var recipe: String
    var dataset: String
  }

  var id: String
  var object = "job"
  var kind: JobKind
  var name: Null<String>
  var status: JobState
  var outcome: Null<JobOutcome>
  var phase: Null<WorkEvent.Phase>
  var statusSeq: Int
  var attempt: Int
  var maxAttempts: Int
  var epoch: Int
  var priority: Int
  var createdAt: Timestamp
  var queuedAt: Null<Timestamp>
  var startedAt: Null<Timestamp>
  var finishedAt: Null<Timestamp>
  var queuePosition: Null<Int>
  var progress: Null<JobProgress>
  var config: JSONValue
  var resolvedConfig: ResolvedConfig
  var identifier: Null<Identifier>
  var classNoun: String
  var dataset: DatasetSummary
  var baseModel: BaseModelReference
  var warnings: [JobWarning]
  var error: Null<Failure>
  var waiting: Null<Waiting>
  /// A resumed run repeats the unbroken one bit for bit, or is refused.
  var resume = "exact"
  var seed: UInt64
  var build: String
  var retriedFrom: Null<String>
  var clonedFrom: Null<String>
  var metadata: [String: String]
  var urls: URLs

  init(_ job: Job, images: Int, datasetSha256: String?, queuePosition: Int?) {
    let home = "/v1/jobs/\(job.id)"
    id = job.id
    kind = job.kind
    name = Null(job.name)
    status = job.status
    outcome = Null(job.outcome)
    phase = Null(job.phase)
    statusSeq = job.statusSeq
    attempt = job.attempt
    maxAttempts = job.maxAttempts
    epoch = job.epoch
    priority = job.priority
    createdAt = job.createdAt
    queuedAt = Null(job.queuedAt)
    startedAt = Null(job.startedAt)
    finishedAt = Null(job.finishedAt)
    self.queuePosition = Null(queuePosition)
    progress = Null(job.progress)
    config = (try? StrictJSON.parse(Data(job.config.utf8), source: "config")) ?? .null
    resolvedConfig = ResolvedConfig(job)
    identifier = Null(
      job.identifier.map { Identifier(text: $0.text, tokenIds: $0.tokenIds, source: $0.source) })
    classNoun = job.classNoun
    dataset = DatasetSummary(id: job.datasetId, images: images, sha256: Null(datasetSha256))
    baseModel = job.baseModel
    warnings = job.warnings
    error = Null(
      job.error.map {
        Failure(
          code: $0.code, message: $0.message, param: Null($0.param), retryable: $0.retryable,
          step: Null($0.step), hint: Null($0.hint), logUrl: "\(home)/logs")
      })
    waiting = Null(
      job.waiting.map {
        Waiting(code: $0.code, message: $0.message, hint: Null($0.hint), nextTryAt: $0.nextTry)
      })
    seed = job.seed
    build = job.build
    retriedFrom = Null(job.retriedFrom)
    clonedFrom = Null(job.clonedFrom)
    metadata = job.metadata
    urls = URLs(
      self: home, events: "\(home)/events", metrics: "\(home)/metrics", logs: "\(home)/logs",
      cancel: "\(home)/cancel", retry: "\(home)/retry", clone: "\(home)/clone",
      samples: "\(home)/samples", grid: "\(home)/samples/grid.png",
      checkpoints: "\(home)/checkpoints", reports: "\(home)/reports",
      artifacts: "\(home)/artifacts", recipe: "\(home)/recipe",
      dataset: "/v1/datasets/\(job.datasetId)")
  }
}
