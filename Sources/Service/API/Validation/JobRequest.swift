import Contract
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
    /// What the request's `init_from` leads to.
    var start: InitFrom.Found?
    /// A seed below 2^32 for requests without one.
    var randomSeed: @Sendable () -> UInt64 = { UInt64(UInt32.random(in: 0...UInt32.max)) }
  }

  /// The model that is taken when none is named.
  static let defaultModel = "starter"

  var draft: JobDraft
  let model: ModelShelf.Model
  let value: JSONValue

  /// - Parameter pointer: where in the client's body the request stands
  init(
    _ value: JSONValue, at pointer: String = "", _ surroundings: Surroundings
  ) throws(Problem) {
    self.value = value
    let faults = Faults()
    let fields = FieldReader(value, at: pointer, faults)
    let name = fields.string("name", RecipeLimits.nameLength)
    let method = MethodFields(fields.object("method"))
    var recipe = TrainingRecipe(classNoun: "")
    recipe.method = method.type
    let subjectImages = SubjectFields.read(fields, &recipe)
    let model = Self.model(fields, surroundings.models)
    method.applyDefaults(model?.defaults, to: &recipe)
    let training = fields.object("training")
    TrainingFields.read(
      training, model: model, surroundings.randomSeed, &recipe)
    method.read(&recipe)
    Self.checkPrior(fields, recipe, model)
    SampleFields.read(fields.object("samples"), &recipe)
    recipe.exports = Self.exports(fields, method.type)
    let start = InitFrom.read(fields, surroundings.start, recipe, model)
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
    draft = JobDraft(
      config: value.canonical, recipe: recipe,
      baseModel: BaseModelReference(id: model.id, sha256: model.sha256), build: surroundings.build)
    draft.name = name
    draft.onRejectedImage = policy ?? .fail
    draft.priority = priority ?? 0
    draft.maxAttempts = attempts ?? 3
    draft.metadata = metadata
    draft.initFrom = start
    draft.subjectImages = subjectImages
  }

  /// Side of the training pictures in pixels.
  var side: Int { model.side(of: draft.recipe) }

  /// The pictures that came with the request decide how many the prior has.
  mutating func take(classImages: Int) {
    let prior = draft.recipe.prior
    if prior.enabled, prior.source == .uploaded { draft.recipe.prior.images = classImages }
  }

  private static func model(
    _ fields: FieldReader, _ models: [ModelShelf.Model]
  ) -> ModelShelf.Model? {
    let asked = fields.string("base_model", RecipeLimits.nameLength)
    let id = asked ?? (models.count == 1 ? models[0].id : defaultModel)
    if let model = models.first(where: { $0.id == id }) {
      if let refusal = model.refusal {
        fields.fault("base_model", "base_model_invalid", "\(id) cannot be trained: \(refusal)")
      }
      return model
    }
    fields.fault(
      "base_model", "base_model_missing",
      "there is no model \"\(id)\" in the models folder; put it there in diffusers layout, or name "
        + "another", allowed: models.map(\.id))
    return nil
  }

  /// A frozen base that says noise cannot be held against a network that learns to say velocity.
  private static func checkPrior(
    _ fields: FieldReader, _ recipe: TrainingRecipe, _ model: ModelShelf.Model?
  ) {
    let (prior, prediction) = (recipe.prior, recipe.objective.prediction)
    guard prior.enabled, !prior.source.hasPictures, prediction != .model,
      prediction.rawValue != model?.prediction
    else { return }
    fields.fault(
      path: ["method", "prior", "source"], "other_prediction",
      "\(prior.source.rawValue) asks the base model, which predicts \(model?.prediction ?? "noise"); "
        + "keep its prediction, or take class pictures")
  }

  private static func exports(
    _ fields: FieldReader, _ method: TrainingRecipe.Method
  ) -> [ExportFormat] {
    let asked = fields.choices("exports", of: ExportFormat.self) ?? method.defaultExports
    let offered = method.exports.map(\.rawValue)
    for (index, format) in asked.enumerated() where !method.exports.contains(format) {
      fields.fault(
        "exports", at: index, "other_method",
        "\(method.rawValue) is written as \(offered.joined(separator: ", "))", allowed: offered)
    }
    return asked
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

extension ModelShelf.Model {
  /// Side of a recipe's training pictures in pixels; a model that does not say its own is taken for Stable Diffusion 1.
  func side(of recipe: TrainingRecipe) -> Int {
    recipe.training.resolution > 0 ? recipe.training.resolution : resolution ?? 512
  }
}

extension FieldReader {
  func sampler(_ name: String) -> SamplerName? {
    choice(
      name, of: SamplerName.self, aliases: ["euler_ancestral": "euler_a", "dpm++2m": "dpmpp_2m"])
  }
}
