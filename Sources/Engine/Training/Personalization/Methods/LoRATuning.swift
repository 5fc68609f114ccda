package import Contract
import Diffusion
package import Weights

extension TrainedWeights {
  /// LoRA (Hu et al., 2106.09685): small products beside frozen layers learn the subject.
  static func lora(_ recipe: TrainingRecipe, _ adapters: [LowRankAdapter]) -> TrainedWeights {
    let (unet, text) = (adapters.of("unet"), adapters.of("text_encoder"))
    return TrainedWeights(
      parameters: ParameterGroup(unet.flatMap(\.tensors))
        + ParameterGroup(
          text.flatMap(\.tensors), rateFactor: recipe.factor(recipe.textEncoder.learningRate),
          untilStep: recipe.textEncoderUntil),
      adapters: adapters, textLearnsUntil: recipe.textEncoderUntil)
  }
}

/// Which layers a recipe's adapters sit on.
package enum AdapterTargets {
  /// - Returns: plans by component, none for methods without adapters
  package static func plans(_ recipe: TrainingRecipe) -> [String: AdapterPlan] {
    guard recipe.method.trainsAdapters else { return [:] }
    let (lora, seed) = (recipe.lora, recipe.training.seed)
    let shape = AdapterPlan.Shape(
      rank: lora.rank, alpha: lora.alpha == 0 ? Float(lora.rank) : lora.alpha,
      hasMagnitudes: lora.dora)
    let unet = AdapterPlan(component: "unet", shape: shape, seed: seed) { path in
      lora.targets.contains { $0.unetLayers.contains(where: path.hasSuffix) }
    }
    guard recipe.trainTextEncoder else { return ["unet": unet] }
    let text = AdapterPlan(component: "text_encoder", shape: shape, seed: seed) { path in
      lora.targets.contains { $0.textLayers.contains(where: path.hasSuffix) }
    }
    return ["unet": unet, "text_encoder": text]
  }
}

extension [LowRankAdapter] {
  func of(_ component: String) -> [LowRankAdapter] {
    filter { $0.path.hasPrefix("\(component).") }
  }
}
