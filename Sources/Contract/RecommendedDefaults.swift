package import Foundation

/// `dreambooth.json` of a base model: what measurements on that model recommend in place of the general
/// defaults (docs/DEFAULTS.md). Service and command line read the same file.
package struct RecommendedDefaults: Codable, Equatable, Sendable {
  package var learningRate: Float?
  package var steps: Int?
  package var priorImages: Int?
  package var samplerSteps: Int?
  package var guidance: Float?
  /// What was measured for methods other than DreamBooth, by their names.
  package var methods: [String: Measured]?

  package init() {}

  package struct Measured: Codable, Equatable, Sendable {
    package var learningRate: Float?
    /// Rate of new rows of the token table.
    package var embeddingRate: Float?
    package var steps: Int?
    package var rank: Int?
    package var targets: [TrainingRecipe.LoRA.Target]?
    package var vectors: Int?
    /// Whether the prior is on when nobody says.
    package var prior: Bool?
    package init(learningRate: Float?, embeddingRate: Float? = nil, steps: Int?) {
      (self.learningRate, self.embeddingRate) = (learningRate, embeddingRate)
      self.steps = steps
    }
  }

  /// The model's own file; `nil` where it has none.
  package static func ofModel(at folder: URL) -> RecommendedDefaults? {
    FileManager.default.contents(atPath: folder.appending(path: "dreambooth.json").path)
      .flatMap { try? ContractJSON.decoder().decode(RecommendedDefaults.self, from: $0) }
  }
}
