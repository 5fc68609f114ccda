import Diffusion
import Tensors
import Weights

/// The base model as it was, beside the one in training: the same weights with adapters off, or a second copy where the
/// weights themselves change.
final class FrozenBase {
  private let model: StableDiffusion
  private let adapters: [LowRankAdapter]
  private let states: PromptStates

  /// - Parameter weights: what the run trains in `model`
  init(of model: StableDiffusion, _ weights: TrainedWeights) throws {
    self.model =
      weights.components.isEmpty ? model : try StableDiffusion(opening: model.folder)
    adapters = weights.adapters
    states = PromptStates(self.model)
  }

  /// - Parameter texts: without learned words
  /// - Returns: what the base predicts, without history, `[B, H, W, C]`
  func prediction(_ zt: Tensor, at t: [Int], texts: [String]) -> Tensor {
    for adapter in adapters { adapter.isActive = false }
    defer { for adapter in adapters { adapter.isActive = true } }
    return withoutGradients {
      model.prediction(zt, at: t.map(Float.init), context: states(texts, learns: false))
    }
  }
}
