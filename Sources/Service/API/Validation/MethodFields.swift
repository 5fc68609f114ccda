import Contract

/// `method` of a job request: a union tagged by `type`, whose fields are those of the method and no others.
struct MethodFields {
  let type: TrainingRecipe.Method
  private let fields: FieldReader
  private let prior: FieldReader?

  /// Reads `type`, and refuses fields of other methods with a word on where they belong.
  init(_ fields: FieldReader) {
    let type = fields.choice("type", of: TrainingRecipe.Method.self) ?? .dreambooth
    for field in MethodField.allCases
    where !field.belongs(to: type) && fields.value(field.rawValue) != nil {
      fields.fault(
        field.rawValue, "other_method",
        "belongs to \(field.owners); the method of this job is \(type.rawValue)")
    }
    self.type = type
    self.fields = fields
    prior = type.takesPrior ? fields.object("prior") : nil
  }

  /// What everything else is by default: that hangs on whether the prior is on and the text encoder learns.
  func applyDefaults(_ model: RecommendedDefaults?, to recipe: inout TrainingRecipe) {
    recipe.method = type
    if MethodField.trainTextEncoder.belongs(to: type) {
      recipe.trainTextEncoder = fields.bool("train_text_encoder") ?? false
    }
    MethodDefaults(
      type, prior: prior?.bool("enabled"), trainTextEncoder: recipe.trainTextEncoder, model: model
    ).apply(to: &recipe)
  }

  /// The rest, once `training` is known.
  func read(_ recipe: inout TrainingRecipe) {
    if type.trainsAdapters { lora(&recipe.lora) }
    if type.trainsVectors { embedding(&recipe.embedding) }
    if MethodField.trainTextEncoder.belongs(to: type) { textEncoder(&recipe) }
    if let prior { PriorFields.read(prior, &recipe) }
    fields.end()
  }

  private func lora(_ lora: inout TrainingRecipe.LoRA) {
    lora.rank = fields.integer("rank", RecipeLimits.rank) ?? lora.rank
    let alpha = fields.float("alpha", RecipeLimits.alpha) ?? 0
    lora.alpha = alpha == 0 ? Float(lora.rank) : alpha
    lora.targets = fields.choices("targets", of: TrainingRecipe.LoRA.Target.self) ?? lora.targets
    lora.dropout = fields.float("dropout", RecipeLimits.unitInterval) ?? lora.dropout
    lora.dora = fields.bool("dora") ?? lora.dora
  }

  private func embedding(_ embedding: inout TrainingRecipe.Embedding) {
    embedding.vectors = fields.integer("vectors", RecipeLimits.vectors) ?? embedding.vectors
    if let word = fields.string("initial_word", RecipeLimits.nounLength) {
      if let fault = ClassNoun.fault(word) {
        fields.fault("initial_word", fault.code, fault.message)
      }
      embedding.initialWord = word
    }
    embedding.kind = fields.choice("kind", of: TrainingRecipe.Embedding.Kind.self) ?? embedding.kind
    embedding.learningRate =
      fields.float("embedding_learning_rate", RecipeLimits.learningRate) ?? embedding.learningRate
    embedding.pull = fields.float("pull", RecipeLimits.pull) ?? embedding.pull
    if MethodField.progressiveEvery.belongs(to: type) {
      embedding.progressiveEvery =
        fields.integer("progressive_every", RecipeLimits.sampleEvery) ?? embedding.progressiveEvery
      if embedding.progressiveEvery > 0, embedding.vectors == 1 {
        fields.fault(
          "progressive_every", "no_effect",
          "vectors join one after the other; with one vector leave it out, or ask for more vectors")
      }
    }
  }

  private func textEncoder(_ recipe: inout TrainingRecipe) {
    let rate = fields.float("text_encoder_learning_rate", RecipeLimits.learningRate)
    let until = fields.integer(
      "text_encoder_until_step", .init(minimum: 0, maximum: recipe.training.steps))
    guard recipe.trainTextEncoder else {
      for name in ["text_encoder_learning_rate", "text_encoder_until_step"]
      where fields.value(name) != nil {
        fields.fault(name, "no_effect", "needs train_text_encoder to be true")
      }
      return
    }
    recipe.textEncoder.learningRate = rate ?? recipe.training.learningRate
    recipe.textEncoder.untilStep = until ?? 0
  }
}

/// `method.prior`: the second half of the objective.
enum PriorFields {
  static func read(_ fields: FieldReader, _ recipe: inout TrainingRecipe) {
    var prior = recipe.prior
    let source = fields.choice("source", of: TrainingRecipe.PriorSource.self) ?? prior.source
    prior.source = source
    belong(fields, ["weight"], to: [.generate, .uploaded, .predictions], source)
    belong(fields, ["images", "sampler", "steps", "cfg"], to: [.generate], source)
    belong(fields, ["beta"], to: [.consistency], source)
    prior.weight = fields.float("weight", RecipeLimits.priorWeight) ?? prior.weight
    prior.images = fields.integer("images", RecipeLimits.priorImages) ?? prior.images
    prior.sampler = fields.sampler("sampler") ?? prior.sampler
    prior.steps = fields.integer("steps", RecipeLimits.samplerSteps) ?? prior.steps
    prior.guidance = fields.float("cfg", RecipeLimits.guidance) ?? prior.guidance
    recipe.objective.consistencyBeta =
      fields.float("beta", RecipeLimits.consistencyBeta) ?? recipe.objective.consistencyBeta
    fields.end()
    recipe.prior = prior
  }

  private static func belong(
    _ fields: FieldReader, _ names: [String], to sources: [TrainingRecipe.PriorSource],
    _ source: TrainingRecipe.PriorSource
  ) {
    guard !sources.contains(source) else { return }
    for name in names where fields.value(name) != nil {
      fields.fault(
        name, "other_source",
        "belongs to the source \(sources.map(\.rawValue).joined(separator: ", ")); "
          + "the source of this job is \(source.rawValue)")
    }
  }
}
