package import Foundation

/// `dreambooth.json` of a base model: what measurements on that model recommend in place of the general
/// defaults (docs/DEFAULTS.md). Service and command line read the same file.
package struct RecommendedDefaults: Codable, Equatable, Sendable {
  package var learningRate: Float?
  package var steps: Int?
  package var priorImages: Int?
  package var samplerSteps: Int?
  package var guidance: Float?

  /// The model's own file; `nil` where it has none.
  package static func ofModel(at folder: URL) -> RecommendedDefaults? {
    FileManager.default.contents(atPath: folder.appending(path: "dreambooth.json").path)
      .flatMap { try? ContractJSON.decoder().decode(RecommendedDefaults.self, from: $0) }
  }

  /// Puts what is recommended in the place of what nobody has chosen yet.
  package func apply(to recipe: inout TrainingRecipe) {
    recipe.training.learningRate = learningRate ?? recipe.training.learningRate
    recipe.training.steps = steps ?? recipe.training.steps
    recipe.prior.images = priorImages ?? recipe.prior.images
    recipe.prior.steps = samplerSteps ?? recipe.prior.steps
    recipe.samples.steps = samplerSteps ?? recipe.samples.steps
    recipe.prior.guidance = guidance ?? recipe.prior.guidance
    recipe.samples.guidance = guidance ?? recipe.samples.guidance
  }
}
