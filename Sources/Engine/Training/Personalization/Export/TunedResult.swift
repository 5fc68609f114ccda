package import Diffusion
package import Weights

/// What a run has made, as the exporters need it.
package struct TunedResult {
  /// The model with its trained weights, rows and adapters at work.
  package let model: StableDiffusion
  /// Components whose own weights were trained: `unet`, `text_encoder`.
  package let trained: Set<String>
  /// What the adapters have learned; empty without.
  package let adapters: LowRankUpdates
  /// New rows and the words that stand for them; empty without.
  package let embeddings: [LearnedEmbedding]
  /// Text beside the weights: trigger, class, base, build.
  package let provenance: [String: String]

  package init(
    model: StableDiffusion, trained: Set<String>, adapters: LowRankUpdates = [:],
    embeddings: [LearnedEmbedding] = [], provenance: [String: String]
  ) {
    (self.model, self.trained, self.adapters) = (model, trained, adapters)
    (self.embeddings, self.provenance) = (embeddings, provenance)
  }

  /// The words that call the subject.
  package var trigger: String { provenance["dreambooth.trigger"] ?? "" }

  /// Weights that differ from the base's files, adapters merged into them.
  package var changedWeights: [String: ParameterList] {
    let adapted = Set(adapters.keys.map { String($0.prefix { $0 != "." }) })
    return Dictionary(
      uniqueKeysWithValues: trained.union(adapted).map {
        ($0, model.parameters(of: $0, with: adapters))
      })
  }
}
