import Contract

/// `GET /v1/capabilities`: what this build can do, so that a client need not try.
package struct Capabilities: Encodable, Sendable {
  /// What the machine and the binary are, told by whoever starts the service.
  package struct Engine: Encodable, Sendable {
    package var isa: String
    package var threads: Int
    package var workers: Int
    package init(isa: String, threads: Int, workers: Int) {
      self.isa = isa
      self.threads = threads
      self.workers = workers
    }
  }

  struct Bounds<Value: Encodable & Sendable>: Encodable, Sendable {
    var min: Value
    var max: Value
  }

  /// What one method takes, writes, and is by default on a model that has measured nothing else.
  struct Method: Encodable, Sendable {
    /// Fields of `method` beside `type`.
    var fields: [String]
    var priorSources: [TrainingRecipe.PriorSource]
    var exports: [ExportFormat]
    var defaultExports: [ExportFormat]
    var defaults: Defaults

    init(_ method: TrainingRecipe.Method) {
      fields = method.fields.map(\.rawValue)
      priorSources = method.priorSources
      exports = method.exports
      defaultExports = method.defaultExports
      defaults = Defaults(MethodDefaults(method), method)
    }
  }

  struct Defaults: Encodable, Sendable {
    var learningRate: Float
    var embeddingLearningRate: Float?
    var steps: Int
    var batchSize: Int
    var gradientAccumulation: Int
    var prior: Bool
    var priorImages: Int?
    var rank: Int?
    var targets: [TrainingRecipe.LoRA.Target]?
    var vectors: Int?
    var prompt: String

    init(_ defaults: MethodDefaults, _ method: TrainingRecipe.Method) {
      (learningRate, steps) = (defaults.learningRate, defaults.steps)
      embeddingLearningRate = method.trainsVectors ? defaults.embeddingRate : nil
      (batchSize, gradientAccumulation) = (defaults.batchSize, defaults.gradientAccumulation)
      prior = defaults.prior
      priorImages = defaults.prior ? defaults.priorImages : nil
      (rank, targets) = method.trainsAdapters ? (defaults.rank, defaults.targets) : (nil, nil)
      vectors = method.trainsVectors ? defaults.vectors : nil
      prompt = defaults.prompt
    }
  }

  static let metrics = ["clip_i", "clip_t"]

  var object = "capabilities"
  var build: String
  var engine: Engine
  var methods = TrainingRecipe.Method.allCases.map(\.rawValue)
  var methodDetails = Dictionary(
    uniqueKeysWithValues: TrainingRecipe.Method.allCases.map { ($0.rawValue, Method($0)) })
  var precisions = Precision.allCases.map(\.rawValue)
  var samplers = SamplerName.allCases.map(\.rawValue)
  var schedules = ["default"]
  var exportFormats = ExportFormat.allCases.map(\.rawValue)
  var metrics = Self.metrics
  var promptSets: [String] = []
  var imageTypes = ["image/png", "image/jpeg", "image/webp"]
  var features = [
    "prior_preservation", "text_encoder_training", "ema", "8bit_moments", "exact_resume", "dry_run",
    "captions",
    "masks", "class_images", "several_subjects", "init_from", "retry", "clone",
    "identifier_evidence",
  ]
  /// Parts of the published contract that later builds bring.
  var notOffered = ["webhooks", "generations", "evaluations", "retention", "pause", "deadline"]
  var baseModels: [String]
  var limits: [String: Bounds<Double>]
  /// As in `method_details`, and for the two switches that change DreamBooth's.
  var defaultsByMethod: [String: Defaults]

  init(build: String, engine: Engine, baseModels: [String], limits: [String: Bounds<Double>]) {
    self.build = build
    self.engine = engine
    self.baseModels = baseModels
    self.limits = limits
    defaultsByMethod = methodDetails.mapValues(\.defaults)
    defaultsByMethod["dreambooth_without_prior"] = Defaults(
      MethodDefaults(.dreambooth, prior: false), .dreambooth)
    defaultsByMethod["dreambooth_with_text_encoder"] = Defaults(
      MethodDefaults(.dreambooth, trainTextEncoder: true), .dreambooth)
  }
}
