import Contract
import Storage

/// The request with every choice made, in the request's own shape: it can be sent again as it is.
/// A field that does not belong to the method is left out; one that is off is `null`.
struct ResolvedConfig: Encodable, Sendable {
  struct Subject: Encodable, Sendable {
    var classNoun: String
    var identifier: String
    var images: [String]
    var classImages: [String]?
  }

  struct Start: Encodable, Sendable {
    var checkpoint: String
  }

  var name: Null<String>
  /// Of a job with one subject.
  var classNoun: String?
  var identifier: String?
  /// Of a job with several.
  var subjects: [Subject]?
  var baseModel: String
  var method: ResolvedMethod
  var training: ResolvedTraining
  var samples: ResolvedSamples
  var exports: [ExportFormat]
  var initFrom: Null<Start>
  var onRejectedImage: RejectedImagePolicy
  var priority: Int
  var maxAttempts: Int
  var metadata: [String: String]

  init(_ job: Job) {
    self.init(
      job.recipe, name: job.name, baseModel: job.baseModel.id, start: job.initFrom,
      subjects: job.subjectImages, policy: job.onRejectedImage, priority: job.priority,
      maxAttempts: job.maxAttempts, metadata: job.metadata)
    if let identifier = job.identifier { name(identifier.text) }
  }

  init(_ draft: JobDraft) {
    self.init(
      draft.recipe, name: draft.name, baseModel: draft.baseModel.id,
      start: draft.initFrom?.reference, subjects: draft.subjectImages,
      policy: draft.onRejectedImage, priority: draft.priority, maxAttempts: draft.maxAttempts,
      metadata: draft.metadata)
  }

  private init(
    _ recipe: TrainingRecipe, name: String?, baseModel: String, start: CheckpointReference?,
    subjects: [SubjectImages]?, policy: RejectedImagePolicy, priority: Int, maxAttempts: Int,
    metadata: [String: String]
  ) {
    self.name = Null(name)
    if let subjects {
      self.subjects = zip(recipe.subjects, subjects).map {
        Subject(
          classNoun: $0.classNoun, identifier: $0.identifier, images: $1.images,
          classImages: $1.classImages.isEmpty ? nil : $1.classImages)
      }
    } else {
      (classNoun, identifier) = (recipe.classNoun, recipe.identifier)
    }
    self.baseModel = baseModel
    method = ResolvedMethod(recipe)
    training = ResolvedTraining(recipe)
    samples = ResolvedSamples(recipe.samples)
    exports = recipe.exports
    initFrom = Null(start.map { Start(checkpoint: $0.id) })
    onRejectedImage = policy
    self.priority = priority
    self.maxAttempts = maxAttempts
    self.metadata = metadata
  }

  /// The first subject's identifier as the engine picked it.
  private mutating func name(_ identifier: String) {
    if subjects == nil {
      self.identifier = identifier
    } else {
      subjects?[0].identifier = identifier
    }
  }
}

/// `method`: its fields and no others.
struct ResolvedMethod: Encodable, Sendable {
  struct Prior: Encodable, Sendable {
    var enabled: Bool
    var source: TrainingRecipe.PriorSource
    var weight: Float?
    var images: Int?
    var sampler: SamplerName?
    var steps: Int?
    var cfg: Float?
    var beta: Float?

    init(_ recipe: TrainingRecipe) {
      let prior = recipe.prior
      (enabled, source) = (prior.enabled, prior.source)
      if source == .consistency {
        beta = recipe.objective.consistencyBeta
      } else {
        weight = prior.weight
      }
      guard source == .generate else { return }
      (images, sampler) = (prior.images, prior.sampler)
      (steps, cfg) = (prior.steps, prior.guidance)
    }
  }

  var type: TrainingRecipe.Method
  var rank: Int?
  var alpha: Float?
  var targets: [TrainingRecipe.LoRA.Target]?
  var dropout: Float?
  var dora: Bool?
  var vectors: Int?
  var initialWord: Null<String>?
  var kind: TrainingRecipe.Embedding.Kind?
  var embeddingLearningRate: Float?
  var pull: Float?
  var progressiveEvery: Int?
  var trainTextEncoder: Bool?
  var textEncoderLearningRate: Null<Float>?
  var textEncoderUntilStep: Null<Int>?
  var prior: Prior?

  init(_ recipe: TrainingRecipe) {
    type = recipe.method
    if type.trainsAdapters {
      let lora = recipe.lora
      (rank, alpha, targets) = (lora.rank, lora.scale * Float(lora.rank), lora.targets)
      (dropout, dora) = (lora.dropout, lora.dora)
    }
    if type.trainsVectors {
      let embedding = recipe.embedding
      vectors = embedding.vectors
      initialWord = Null(embedding.initialWord.isEmpty ? nil : embedding.initialWord)
      (kind, pull) = (embedding.kind, embedding.pull)
      embeddingLearningRate =
        embedding.learningRate > 0 ? embedding.learningRate : recipe.training.learningRate
    }
    if MethodField.progressiveEvery.belongs(to: type) {
      progressiveEvery = recipe.embedding.progressiveEvery
    }
    if MethodField.trainTextEncoder.belongs(to: type) {
      let (isTrained, encoder) = (recipe.trainTextEncoder, recipe.textEncoder)
      let rate = encoder.learningRate > 0 ? encoder.learningRate : recipe.training.learningRate
      trainTextEncoder = isTrained
      textEncoderLearningRate = Null(isTrained ? rate : nil)
      textEncoderUntilStep = Null(isTrained ? encoder.untilStep : nil)
    }
    if type.takesPrior { prior = Prior(recipe) }
  }
}

struct ResolvedTraining: Encodable, Sendable {
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
  var optimizerMoments: TrainingRecipe.Moments
  var emaDecay: Null<Float>
  var flip: Bool
  var checkpointEvery: Int
  var keepCheckpoints: Int
  /// `null` is the base model's own size.
  var resolution: Null<Int>
  var minSnrGamma: Null<Float>
  var offsetNoise: Float
  var prediction: TrainingRecipe.Objective.Prediction
  var zeroTerminalSnr: Bool
  var unmaskedWeight: Float

  init(_ recipe: TrainingRecipe) {
    let (training, objective) = (recipe.training, recipe.objective)
    (steps, learningRate) = (training.steps, training.learningRate)
    (warmupSteps, batchSize) = (training.warmupSteps, training.batchSize)
    gradientAccumulation = training.gradientAccumulation
    (precision, seed) = (training.precision, training.seed)
    (adamBeta1, adamBeta2) = (training.adamBeta1, training.adamBeta2)
    (adamEpsilon, weightDecay) = (training.adamEpsilon, training.weightDecay)
    (maxGradientNorm, emaDecay) = (training.maxGradientNorm, Null(training.emaDecay))
    optimizerMoments = training.moments
    (flip, checkpointEvery) = (training.flip, training.checkpointEvery)
    keepCheckpoints = training.keepCheckpoints
    resolution = Null(training.resolution == 0 ? nil : training.resolution)
    (minSnrGamma, offsetNoise) = (Null(objective.minSnrGamma), objective.offsetNoise)
    (prediction, zeroTerminalSnr) = (objective.prediction, objective.zeroTerminalSnr)
    unmaskedWeight = objective.unmaskedWeight
  }
}

struct ResolvedSamples: Encodable, Sendable {
  var every: Int
  var prompts: [String]
  var negativePrompt: String
  var seeds: [UInt64]
  var sampler: SamplerName
  var steps: Int
  var cfg: Float

  init(_ samples: TrainingRecipe.Samples) {
    (every, prompts) = (samples.every, samples.prompts)
    (negativePrompt, seeds) = (samples.negativePrompt, samples.seeds)
    (sampler, steps, cfg) = (samples.sampler, samples.steps, samples.guidance)
  }
}
