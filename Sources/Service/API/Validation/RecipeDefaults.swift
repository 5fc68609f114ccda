import Contract

/// What `"auto"` becomes: the table of docs/DEFAULTS.md, overridden by what the base model's own
/// `dreambooth.json` has measured.
struct RecipeDefaults {
  let learningRate: Float
  let steps: Int
  let priorImages: Int
  let samplerSteps: Int
  let guidance: Float

  init(prior: Bool, trainTextEncoder: Bool, model: RecommendedDefaults?) {
    learningRate = model?.learningRate ?? (trainTextEncoder ? 2e-6 : 5e-6)
    steps = model?.steps ?? (prior ? 800 : 400)
    priorImages = model?.priorImages ?? 200
    samplerSteps = model?.samplerSteps ?? 50
    guidance = model?.guidance ?? 7.5
  }

  /// Short runs get a checkpoint at each quarter.
  static func checkpointEvery(steps: Int) -> Int { min(100, max(1, steps / 4)) }
}
