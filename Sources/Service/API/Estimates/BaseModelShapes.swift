import Contract
import Foundation

/// The shapes of a base model's parts, and what a recipe trains of them.
struct BaseModelShapes {
  let unet: TensorShapes
  let text: TensorShapes
  let vae: TensorShapes
  /// Halvings from pixels to latents.
  let halvings: Int

  init(_ folder: URL) {
    self.init(
      unet: TensorShapes(folder.appending(path: "unet")),
      text: TensorShapes(folder.appending(path: "text_encoder")),
      vae: TensorShapes(folder.appending(path: "vae")))
  }

  init(unet: TensorShapes, text: TensorShapes, vae: TensorShapes) {
    (self.unet, self.text, self.vae) = (unet, text, vae)
    halvings = vae.shapes.keys.count {
      $0.hasPrefix("encoder.down_blocks.") && $0.hasSuffix("downsamplers.0.conv.weight")
    }
  }

  var values: Int { unet.values + text.values + vae.values }

  /// Values of the parts whose own weights a method changes.
  func changed(by recipe: TrainingRecipe) -> Int {
    switch recipe.method {
    case .dreambooth: unet.values + (recipe.trainTextEncoder ? text.values : 0)
    case .customDiffusion: unet.values(endingIn: TrainingRecipe.Method.customDiffusionWeights)
    case .lora, .pivotalTuning, .textualInversion: 0
    }
  }

  /// Values beside the model's own: adapters and vectors.
  func added(by recipe: TrainingRecipe) -> Int {
    let rows = recipe.method.trainsVectors ? recipe.embedding.vectors * recipe.subjects.count : 0
    let vectors = rows * text.vectorWidth
    guard recipe.method.trainsAdapters else { return vectors }
    let (lora, targets) = (recipe.lora, recipe.lora.targets)
    let inText = recipe.trainTextEncoder ? text.adapters(targets.flatMap(\.textLayers), lora) : 0
    return unet.adapters(targets.flatMap(\.unetLayers), lora) + inText + vectors
  }
}
