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
      lora.targets.contains { includes($0, path) }
    }
    guard recipe.trainTextEncoder else { return ["unet": unet] }
    let text = AdapterPlan(component: "text_encoder", shape: shape, seed: seed) { path in
      lora.targets.contains { includesText($0, path) }
    }
    return ["unet": unet, "text_encoder": text]
  }

  /// Layers of the U-Net by the ends of their paths.
  private static func includes(_ target: TrainingRecipe.LoRA.Target, _ path: String) -> Bool {
    let ends =
      switch target {
      case .attention: [".to_q", ".to_k", ".to_v", ".to_out.0"]
      case .feedForward: [".ff.net.0.proj", ".ff.net.2"]
      case .convolutions:
        [
          ".conv1", ".conv2", ".conv_shortcut", ".time_emb_proj", ".proj_in", ".proj_out",
          "samplers.0.conv",
        ]
      }
    return ends.contains(where: path.hasSuffix)
  }

  /// The text encoder has no convolutions.
  private static func includesText(_ target: TrainingRecipe.LoRA.Target, _ path: String) -> Bool {
    let ends =
      switch target {
      case .attention: [".q_proj", ".k_proj", ".v_proj", ".out_proj"]
      case .feedForward: [".mlp.fc1", ".mlp.fc2"]
      case .convolutions: [String]()
      }
    return ends.contains(where: path.hasSuffix)
  }
}

extension [LowRankAdapter] {
  func of(_ component: String) -> [LowRankAdapter] {
    filter { $0.path.hasPrefix("\(component).") }
  }
}
