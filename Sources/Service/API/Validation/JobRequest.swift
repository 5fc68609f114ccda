import Contract
import Foundation
import HTTP
import Jobs
import Storage

/// The `job` part of `POST /v1/jobs`, validated as a whole: every fault is told at once.
struct JobRequest {
  /// What the service draws or looks up while it resolves a request.
  struct Surroundings {
    /// Models on the shelf by id.
    let models: [ModelShelf.Model]
    let build: String
    /// A seed below 2^32 for requests without one.
    let randomSeed: @Sendable () -> UInt64
  }

  /// The model that is taken when none is named.
  static let defaultModel = "starter"

  let draft: JobDraft
  let model: ModelShelf.Model
  let value: JSONValue

  init(_ data: Data, _ surroundings: Surroundings) throws(Problem) {
    value = try StrictJSON.parse(data, source: "the part job")
    let faults = Faults()
    let fields = FieldReader(value, at: "", faults)
    let name = fields.string("name", RecipeLimits.nameLength)
    let noun = Self.classNoun(fields)
    let model = Self.model(fields, surroundings.models)
    var recipe = TrainingRecipe(classNoun: noun ?? "")
    if let identifier = Self.identifier(fields) { recipe.identifier = identifier }
    let defaults = Self.method(fields, model?.defaults, &recipe)
    TrainingFields.read(fields.object("training"), defaults, surroundings.randomSeed, &recipe)
    SampleFields.read(fields.object("samples"), defaults, &recipe)
    Self.exports(fields)
    let policy = fields.choice("on_rejected_image", of: RejectedImagePolicy.self)
    let priority = fields.integer("priority", RecipeLimits.priority)
    let attempts = fields.integer("max_attempts", RecipeLimits.attempts)
    let metadata = fields.metadata("metadata")
    Self.evaluation(fields)
    fields.notOffered("dataset", "datasets are made from the images of the same request")
    fields.notOffered("images", "images are sent as parts of the same request")
    fields.notOffered("deadline", "deadlines")
    fields.notOffered("retention", "retention rules")
    fields.notOffered("webhook", "webhooks")
    fields.end()
    try faults.throwIfAny()
    guard let model else {
      throw Problem(.invalidRequest, "base_model: there is no model to take")
    }
    self.model = model
    var draft = JobDraft(
      config: value.canonical, recipe: recipe,
      baseModel: BaseModelReference(id: model.id, sha256: model.sha256), build: surroundings.build)
    draft.name = name
    draft.onRejectedImage = policy ?? .fail
    draft.priority = priority ?? 0
    draft.maxAttempts = attempts ?? 3
    draft.metadata = metadata
    self.draft = draft
  }

  private static func classNoun(_ fields: FieldReader) -> String? {
    guard let value = fields.value("class_noun") else {
      fields.fault("class_noun", "required", "the class of the subject is required, as \"dog\"")
      return nil
    }
    guard case .string(let text) = value else {
      fields.fault("class_noun", "wrong_type", "must be a string, not \(value.kind)")
      return nil
    }
    if let fault = ClassNoun.fault(text) { fields.fault("class_noun", fault.code, fault.message) }
    return text
  }

  private static func identifier(_ fields: FieldReader) -> String? {
    guard let text = fields.string("identifier", RecipeLimits.identifierLength) else { return nil }
    if text.contains(where: { $0.isWhitespace || $0 == "{" || $0 == "}" }) {
      fields.fault("identifier", "invalid_character", "must be one word without braces")
    }
    return text
  }

  private static func model(
    _ fields: FieldReader, _ models: [ModelShelf.Model]
  ) -> ModelShelf.Model? {
    let asked = fields.string("base_model", RecipeLimits.nameLength)
    let id = asked ?? (models.count == 1 ? models[0].id : defaultModel)
    if let model = models.first(where: { $0.id == id }) { return model }
    fields.fault(
      "base_model", "base_model_missing",
      "there is no model \"\(id)\" in the models folder; put it there in diffusers layout, or name "
        + "another", allowed: models.map(\.id))
    return nil
  }

  private static func method(
    _ fields: FieldReader, _ model: RecommendedDefaults?, _ recipe: inout TrainingRecipe
  ) -> MethodDefaults {
    let method = fields.object("method")
    if let type = method.value("type"), type != .string(TrainingRecipe.Method.dreambooth.rawValue) {
      let later = [JSONValue.string("lora"), .string("textual_inversion")].contains(type)
      method.fault(
        "type", later ? "not_offered" : "invalid_choice",
        later
          ? "this build trains with dreambooth only; see GET /v1/capabilities"
          : "must be one of dreambooth", allowed: TrainingRecipe.Method.allCases.map(\.rawValue))
    }
    recipe.trainTextEncoder = method.bool("train_text_encoder") ?? false
    let prior = method.object("prior")
    recipe.prior.enabled = prior.bool("enabled") ?? true
    let defaults = MethodDefaults(
      recipe.method, prior: recipe.prior.enabled, trainTextEncoder: recipe.trainTextEncoder,
      model: model)
    recipe.prior.weight = prior.float("weight", RecipeLimits.priorWeight) ?? recipe.prior.weight
    recipe.prior.images = prior.integer("images", RecipeLimits.priorImages) ?? defaults.priorImages
    recipe.prior.sampler = prior.sampler("sampler") ?? recipe.prior.sampler
    recipe.prior.steps = prior.integer("steps", RecipeLimits.samplerSteps) ?? defaults.samplerSteps
    recipe.prior.guidance = prior.float("cfg", RecipeLimits.guidance) ?? defaults.guidance
    prior.notOffered(
      "source", unless: [.string("generate")], "class images are generated by the base model")
    prior.end()
    method.end()
    return defaults
  }

  private static func exports(_ fields: FieldReader) {
    let offered = TrainingRecipe.Method.dreambooth.defaultExports.map(\.rawValue)
    guard
      let asked = fields.strings(
        "exports", count: .init(minimum: 1, maximum: 8),
        length: RecipeLimits.nameLength)
    else { return }
    for (index, format) in asked.enumerated() where !offered.contains(format) {
      fields.fault(
        "exports", at: index, "not_offered",
        "this build exports \(offered.joined(separator: ", "))",
        allowed: offered)
    }
  }

  /// CLIP-I and CLIP-T are always worked out; what else could be asked comes later.
  private static func evaluation(_ fields: FieldReader) {
    let evaluation = fields.object("evaluation")
    let offered = Capabilities.metrics
    let asked = evaluation.strings(
      "metrics", count: .init(minimum: 1, maximum: 16), length: RecipeLimits.nameLength)
    for (index, metric) in (asked ?? []).enumerated() where !offered.contains(metric) {
      evaluation.fault(
        "metrics", at: index, "not_offered",
        "this build measures \(offered.joined(separator: ", "))",
        allowed: offered)
    }
    evaluation.notOffered("prompt_set", "prompt sets; the prompts of samples are used")
    evaluation.notOffered("on", unless: [.string("checkpoint")], "evaluation at each checkpoint")
    evaluation.end()
  }
}

extension FieldReader {
  func sampler(_ name: String) -> SamplerName? {
    choice(
      name, of: SamplerName.self, aliases: ["euler_ancestral": "euler_a", "dpm++2m": "dpmpp_2m"])
  }
}

/// `training` of a job request.
enum TrainingFields {
  static func read(
    _ fields: FieldReader, _ defaults: MethodDefaults, _ randomSeed: () -> UInt64,
    _ recipe: inout TrainingRecipe
  ) {
    var training = recipe.training
    training.steps = fields.integer("steps", RecipeLimits.steps) ?? defaults.steps
    training.learningRate =
      fields.float("learning_rate", RecipeLimits.learningRate) ?? defaults.learningRate
    training.warmupSteps =
      fields.integer("warmup_steps", RecipeLimits.warmupSteps) ?? training.warmupSteps
    training.batchSize = fields.integer("batch_size", RecipeLimits.batchSize) ?? training.batchSize
    training.gradientAccumulation =
      fields.integer("gradient_accumulation", RecipeLimits.gradientAccumulation)
      ?? training.gradientAccumulation
    training.precision = fields.choice("precision", of: Precision.self) ?? training.precision
    training.seed = fields.seed("seed") ?? randomSeed()
    training.adamBeta1 = fields.float("adam_beta1", RecipeLimits.unitInterval) ?? training.adamBeta1
    training.adamBeta2 = fields.float("adam_beta2", RecipeLimits.unitInterval) ?? training.adamBeta2
    training.adamEpsilon =
      fields.float("adam_epsilon", RecipeLimits.learningRate) ?? training.adamEpsilon
    training.weightDecay =
      fields.float("weight_decay", RecipeLimits.unitInterval) ?? training.weightDecay
    training.maxGradientNorm =
      fields.float("max_gradient_norm", RecipeLimits.maxGradientNorm) ?? training.maxGradientNorm
    training.emaDecay = fields.float("ema_decay", RecipeLimits.unitInterval)
    training.flip = fields.bool("flip") ?? training.flip
    training.checkpointEvery =
      fields.integer("checkpoint_every", RecipeLimits.checkpointEvery)
      ?? MethodDefaults.checkpointEvery(steps: training.steps)
    training.keepCheckpoints =
      fields.integer("keep_checkpoints", RecipeLimits.keepCheckpoints) ?? training.keepCheckpoints
    training.resolution =
      fields.integer("resolution", RecipeLimits.resolution) ?? training.resolution
    fields.notOffered("min_snr_gamma", "min-SNR weighting")
    fields.notOffered("offset_noise", unless: [.number("0"), .number("0.0")], "offset noise")
    fields.end()
    recipe.training = training
  }
}

/// `samples` of a job request.
enum SampleFields {
  static func read(
    _ fields: FieldReader, _ defaults: MethodDefaults, _ recipe: inout TrainingRecipe
  ) {
    var samples = recipe.samples
    samples.every =
      fields.integer("every", RecipeLimits.sampleEvery) ?? recipe.training.checkpointEvery
    if let prompts = fields.strings(
      "prompts", count: RecipeLimits.samplePrompts, length: RecipeLimits.promptLength)
    {
      for (index, prompt) in prompts.enumerated() { check(prompt, index, fields) }
      samples.prompts = prompts
    }
    samples.negativePrompt =
      fields.string("negative_prompt", .init(minimum: 0, maximum: 1000)) ?? samples.negativePrompt
    samples.seeds = fields.seeds("seeds", count: RecipeLimits.sampleSeeds) ?? samples.seeds
    samples.sampler = fields.sampler("sampler") ?? samples.sampler
    samples.steps = fields.integer("steps", RecipeLimits.samplerSteps) ?? defaults.samplerSteps
    samples.guidance = fields.float("cfg", RecipeLimits.guidance) ?? defaults.guidance
    fields.end()
    recipe.samples = samples
  }

  /// `{id}` and `{class}` are the only placeholders.
  private static func check(_ prompt: String, _ index: Int, _ fields: FieldReader) {
    let rest = prompt.replacingOccurrences(of: "{id}", with: "")
      .replacingOccurrences(of: "{class}", with: "")
    if rest.contains("{") || rest.contains("}") {
      fields.fault(
        "prompts", at: index, "placeholder", "{id} and {class} are the only placeholders")
    }
  }
}
