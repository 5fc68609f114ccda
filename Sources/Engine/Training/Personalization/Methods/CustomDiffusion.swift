import Contract
import Diffusion
import Models

extension TrainedWeights {
  /// Custom Diffusion (Kumari et al., 2212.04488): keys and values of the cross-attention and the rows of a new word
  /// before the noun. Little enough that several subjects fit into one model.
  static func customDiffusion(
    _ recipe: TrainingRecipe, _ model: StableDiffusion, _ words: [LearnedWord]
  ) -> TrainedWeights {
    let ends = TrainingRecipe.Method.customDiffusionWeights
    let keysAndValues = model.unet.parameters.named("unet").filter { parameter in
      ends.contains(where: parameter.key.hasSuffix)
    }
    return TrainedWeights(
      parameters: ParameterGroup(keysAndValues) + group(words, recipe), components: ["unet"],
      words: words, textLearnsUntil: nil)
  }
}
