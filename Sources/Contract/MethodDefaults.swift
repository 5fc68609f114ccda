/// What `auto` becomes: the table of docs/DEFAULTS.md, overridden by what the base model's own
/// `dreambooth.json` has measured. Service and command line resolve alike.
package struct MethodDefaults: Equatable, Sendable {
  package var learningRate: Float
  /// Rate of new rows; 0 where there are none.
  package var embeddingRate: Float = 0
  package var steps: Int
  package var batchSize = 1
  package var gradientAccumulation = 1
  /// Whether the prior is on when nobody says.
  package var prior: Bool
  package var priorImages = 200
  package var samplerSteps = 50
  package var guidance: Float = 7.5
  package var prompt = "a {id} {class}"
  package var rank = TrainingRecipe.LoRA().rank
  package var targets = TrainingRecipe.LoRA().targets
  package var vectors = TrainingRecipe.Embedding().vectors

  /// - Parameter prior: as asked for; nil leaves it to the method
  package init(
    _ method: TrainingRecipe.Method, prior asked: Bool? = nil, trainTextEncoder: Bool = false,
    model: RecommendedDefaults? = nil
  ) {
    var measured = model?.methods?[method.rawValue]
    let asked = asked ?? measured?.prior
    switch method {
    case .dreambooth:
      prior = asked ?? true
      learningRate = trainTextEncoder ? 2e-6 : 5e-6
      steps = prior ? 800 : 400
      measured = .init(learningRate: model?.learningRate, steps: model?.steps)
    case .lora:
      prior = asked ?? false
      (learningRate, steps) = (1e-4, 500)
    case .textualInversion:
      prior = false
      (learningRate, embeddingRate, steps) = (2e-3, 2e-3, 3000)
      gradientAccumulation = 4
      prompt = "a photo of a {id}"
    case .pivotalTuning:
      prior = asked ?? false
      (learningRate, embeddingRate, steps) = (1e-4, 5e-4, 1000)
      prompt = "a photo of a {id}"
    case .customDiffusion:
      prior = asked ?? true
      (learningRate, embeddingRate, steps) = (2e-5, 2e-5, 250)
      batchSize = 2
    }
    learningRate = measured?.learningRate ?? learningRate
    steps = measured?.steps ?? steps
    embeddingRate = measured?.embeddingRate ?? embeddingRate
    if method == .textualInversion { embeddingRate = learningRate }
    rank = measured?.rank ?? rank
    targets = measured?.targets ?? targets
    vectors = measured?.vectors ?? vectors
    priorImages = model?.priorImages ?? priorImages
    samplerSteps = model?.samplerSteps ?? samplerSteps
    guidance = model?.guidance ?? guidance
  }

  /// Puts the defaults in the place of what nobody has chosen yet.
  package func apply(to recipe: inout TrainingRecipe) {
    recipe.training.learningRate = learningRate
    recipe.training.steps = steps
    recipe.training.batchSize = batchSize
    recipe.training.gradientAccumulation = gradientAccumulation
    recipe.training.checkpointEvery = Self.checkpointEvery(steps: steps)
    recipe.embedding.learningRate = embeddingRate
    (recipe.lora.rank, recipe.lora.targets) = (rank, targets)
    recipe.embedding.vectors = vectors
    recipe.prior.enabled = prior
    recipe.prior.images = priorImages
    (recipe.prior.steps, recipe.samples.steps) = (samplerSteps, samplerSteps)
    (recipe.prior.guidance, recipe.samples.guidance) = (guidance, guidance)
    recipe.samples.every = recipe.training.checkpointEvery
    recipe.samples.prompts = [prompt]
    recipe.exports = recipe.method.defaultExports
  }

  /// Short runs get a checkpoint at each quarter.
  package static func checkpointEvery(steps: Int) -> Int { min(100, max(1, steps / 4)) }
}
