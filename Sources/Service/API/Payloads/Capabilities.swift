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

  struct Method: Encodable, Sendable {
    var learningRate: Float
    var steps: Int
    var priorImages: Int
  }

  static let metrics = ["clip_i", "clip_t"]

  var object = "capabilities"
  var build: String
  var engine: Engine
  var methods = [TrainingRecipe.Method.dreambooth.rawValue]
  var precisions = Precision.allCases.map(\.rawValue)
  var samplers = SamplerName.allCases.map(\.rawValue)
  var schedules = ["default"]
  var exportFormats = TrainingRecipe.Method.dreambooth.defaultExports.map(\.rawValue)
  var metrics = Self.metrics
  var promptSets: [String] = []
  var imageTypes = ["image/png", "image/jpeg", "image/webp"]
  var features = ["prior_preservation", "text_encoder_training", "ema", "exact_resume", "dry_run"]
  /// Parts of the published contract that later builds bring.
  var notOffered = [
    "lora", "textual_inversion", "webhooks", "generations", "evaluations", "retention", "pause",
  ]
  var baseModels: [String]
  var limits: [String: Bounds<Double>]
  var defaultsByMethod: [String: Method]

  init(build: String, engine: Engine, baseModels: [String], limits: [String: Bounds<Double>]) {
    self.build = build
    self.engine = engine
    self.baseModels = baseModels
    self.limits = limits
    let defaults = MethodDefaults(.dreambooth)
    let plain = MethodDefaults(.dreambooth, prior: false)
    let text = MethodDefaults(.dreambooth, trainTextEncoder: true)
    func method(_ defaults: MethodDefaults, prior: Int) -> Method {
      Method(learningRate: defaults.learningRate, steps: defaults.steps, priorImages: prior)
    }
    defaultsByMethod = [
      "dreambooth": method(defaults, prior: defaults.priorImages),
      "dreambooth_without_prior": method(plain, prior: 0),
      "dreambooth_with_text_encoder": method(text, prior: text.priorImages),
    ]
  }
}
