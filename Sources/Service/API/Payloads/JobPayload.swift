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
  /// A resumed run repeats the unbroken one bit for bit, or is refused.
  var resume = "exact"
  var seed: UInt64
  var build: String
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
    seed = job.seed
    build = job.build
    metadata = job.metadata
    urls = URLs(
      self: home, events: "\(home)/events", metrics: "\(home)/metrics", logs: "\(home)/logs",
      cancel: "\(home)/cancel", samples: "\(home)/samples", grid: "\(home)/samples/grid.png",
      checkpoints: "\(home)/checkpoints", reports: "\(home)/reports",
      artifacts: "\(home)/artifacts", recipe: "\(home)/recipe",
      dataset: "/v1/datasets/\(job.datasetId)")
  }
}

/// The request with every choice made, in the request's own shape: it can be sent again as it is.
struct ResolvedConfig: Encodable, Sendable {
  struct Method: Encodable, Sendable {
    var type: TrainingRecipe.Method
    var trainTextEncoder: Bool
    var prior: Prior
  }

  struct Prior: Encodable, Sendable {
    var enabled: Bool
    var weight: Float
    var images: Int
    var source = "generate"
    var sampler: SamplerName
    var steps: Int
    var cfg: Float
  }

  struct Training: Encodable, Sendable {
    var steps: Int
    var learningRate: Float
    var warmupSteps: Int
    var batchSize: Int
    var gradientAccumulation: Int
    var precision: Precision
    var seed: UInt64
    var adamBeta1: Float
    var adamBeta2: Float
    var adamEpsilon: Float
    var weightDecay: Float
    var maxGradientNorm: Float
    var emaDecay: Null<Float>
    var flip: Bool
    var checkpointEvery: Int
    var keepCheckpoints: Int
    /// `null` is the base model's own size.
    var resolution: Null<Int>
  }

  struct Samples: Encodable, Sendable {
    var every: Int
    var prompts: [String]
    var negativePrompt: String
    var seeds: [UInt64]
    var sampler: SamplerName
    var steps: Int
    var cfg: Float
  }

  var name: Null<String>
  var classNoun: String
  var identifier: String
  var baseModel: String
  var method: Method
  var training: Training
  var samples: Samples
  var exports: [String]
  var onRejectedImage: RejectedImagePolicy
  var priority: Int
  var maxAttempts: Int
  var metadata: [String: String]

  init(_ job: Job) {
    self.init(
      job.recipe, name: job.name, baseModel: job.baseModel.id, policy: job.onRejectedImage,
      priority: job.priority, maxAttempts: job.maxAttempts, metadata: job.metadata)
    if let identifier = job.identifier { self.identifier = identifier.text }
  }

  init(_ draft: JobDraft) {
    self.init(
      draft.recipe, name: draft.name, baseModel: draft.baseModel.id, policy: draft.onRejectedImage,
      priority: draft.priority, maxAttempts: draft.maxAttempts, metadata: draft.metadata)
  }

  private init(
    _ recipe: TrainingRecipe, name: String?, baseModel: String, policy: RejectedImagePolicy,
    priority: Int, maxAttempts: Int, metadata: [String: String]
  ) {
    let (prior, training, samples) = (recipe.prior, recipe.training, recipe.samples)
    self.name = Null(name)
    classNoun = recipe.classNoun
    identifier = recipe.identifier
    self.baseModel = baseModel
    method = Method(
      type: recipe.method, trainTextEncoder: recipe.trainTextEncoder,
      prior: Prior(
        enabled: prior.enabled, weight: prior.weight, images: prior.images, sampler: prior.sampler,
        steps: prior.steps, cfg: prior.guidance))
    self.training = Training(
      steps: training.steps, learningRate: training.learningRate,
      warmupSteps: training.warmupSteps, batchSize: training.batchSize,
      gradientAccumulation: training.gradientAccumulation, precision: training.precision,
      seed: training.seed, adamBeta1: training.adamBeta1, adamBeta2: training.adamBeta2,
      adamEpsilon: training.adamEpsilon, weightDecay: training.weightDecay,
      maxGradientNorm: training.maxGradientNorm, emaDecay: Null(training.emaDecay),
      flip: training.flip, checkpointEvery: training.checkpointEvery,
      keepCheckpoints: training.keepCheckpoints,
      resolution: Null(training.resolution == 0 ? nil : training.resolution))
    self.samples = Samples(
      every: samples.every, prompts: samples.prompts, negativePrompt: samples.negativePrompt,
      seeds: samples.seeds, sampler: samples.sampler, steps: samples.steps, cfg: samples.guidance)
    exports = recipe.exports.map(\.rawValue)
    onRejectedImage = policy
    self.priority = priority
    self.maxAttempts = maxAttempts
    self.metadata = metadata
  }
}
