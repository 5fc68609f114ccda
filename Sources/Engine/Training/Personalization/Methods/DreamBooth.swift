import Contract
import Diffusion
import Models
import Tensors
import Weights

extension TrainedWeights {
  /// DreamBooth (Ruiz et al., 2208.12242): all weights of the U-Net learn "a [V] [class]" from the photos. The text encoder
  /// joins if asked, with a rate of its own and until a step of its own.
  static func dreamBooth(_ recipe: TrainingRecipe, _ model: StableDiffusion) -> TrainedWeights {
    let unet = ParameterGroup(model.unet.parameters.named("unet"))
    guard recipe.trainTextEncoder else {
      return TrainedWeights(parameters: unet, components: ["unet"])
    }
    let text = ParameterGroup(
      model.textEncoder.parameters.named("text_encoder"),
      rateFactor: recipe.factor(recipe.textEncoder.learningRate),
      untilStep: recipe.textEncoderUntil)
    return TrainedWeights(
      parameters: unet + text, components: ["unet", "text_encoder"],
      textLearnsUntil: recipe.textEncoderUntil)
  }
}

extension ParameterList {
  /// The tensors with the component in front of their keys.
  func named(_ component: String) -> [(key: String, tensor: Tensor)] {
    map { (key: "\(component).\($0.key)", tensor: $0.tensor) }
  }
}
