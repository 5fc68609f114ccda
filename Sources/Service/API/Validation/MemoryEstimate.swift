import Contract
import Foundation

/// What a run holds at the least, from the shapes in the model's files:
///
///     bytes = 4 (trained * (weight + gradient + two moments) + frozen + second copy)
///
/// where moments in 8 bits take a byte each.
///
/// Adapters and vectors train few values beside frozen ones. A prior that asks the frozen base at every step
/// needs what is trained a second time, as it was.
struct MemoryEstimate {
  let lowerBound: Int
  /// Weights and moments of what is trained.
  let checkpointBytes: Int
  /// Values that are trained.
  let trained: Int

  init(_ recipe: TrainingRecipe, _ model: URL) {
    let unet = TensorShapes(model.appending(path: "unet"))
    let text = TensorShapes(model.appending(path: "text_encoder"))
    let all = unet.values + text.values + TensorShapes(model.appending(path: "vae")).values
    let own = Self.trained(recipe, unet, text)
    let isAdded = recipe.method.trainsAdapters || recipe.method == .textualInversion
    let needsBase =
      recipe.prior.enabled && [.predictions, .consistency].contains(recipe.prior.source)
    let secondCopy = needsBase && !isAdded ? own : 0
    let ema = recipe.training.emaDecay == nil ? 0 : 1
    trained = own
    let moments = recipe.training.moments == .eightBit ? 2 : 8
    lowerBound = own * (8 + moments + 4 * ema) + 4 * (all - (isAdded ? 0 : own) + secondCopy)
    checkpointBytes = own * (4 + moments + 4 * ema)
  }

  private static func trained(
    _ recipe: TrainingRecipe, _ unet: TensorShapes, _ text: TensorShapes
  ) -> Int {
    let rows = recipe.method.trainsVectors ? recipe.embedding.vectors * recipe.subjects.count : 0
    let vectors = rows * (text.shapes["text_model.embeddings.token_embedding.weight"]?.last ?? 0)
    switch recipe.method {
    case .dreambooth: return unet.values + (recipe.trainTextEncoder ? text.values : 0)
    case .textualInversion: return vectors
    case .customDiffusion:
      let keysAndValues = unet.shapes.filter {
        $0.key.hasSuffix("attn2.to_k.weight") || $0.key.hasSuffix("attn2.to_v.weight")
      }
      return keysAndValues.values.reduce(0) { $0 + TensorShapes.count($1) } + vectors
    case .lora, .pivotalTuning:
      let layers = recipe.lora.targets.flatMap(Self.layers)
      let textLayers = recipe.trainTextEncoder ? recipe.lora.targets.flatMap(Self.textLayers) : []
      let inText = text.adapters(textLayers, recipe.lora)
      return unet.adapters(layers, recipe.lora) + inText + vectors
    }
  }

  /// Names of the layers that a target means, as they end.
  private static func layers(_ target: TrainingRecipe.LoRA.Target) -> [String] {
    switch target {
    case .attention: [".to_q", ".to_k", ".to_v", ".to_out.0"]
    case .feedForward: [".ff.net.0.proj", ".ff.net.2"]
    case .convolutions:
      [
        ".conv1", ".conv2", ".conv_shortcut", ".time_emb_proj", ".proj_in", ".proj_out",
        "samplers.0.conv",
      ]
    }
  }

  private static func textLayers(_ target: TrainingRecipe.LoRA.Target) -> [String] {
    switch target {
    case .attention: [".q_proj", ".k_proj", ".v_proj", ".out_proj"]
    case .feedForward: [".mlp.fc1", ".mlp.fc2"]
    case .convolutions: []
    }
  }
}

/// The shapes of all tensors in the safetensors files of a folder, read from their headers.
struct TensorShapes {
  let shapes: [String: [Int]]

  init(_ folder: URL) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    shapes = names.filter { $0.hasSuffix(".safetensors") }.reduce(into: [:]) { shapes, name in
      shapes.merge(Self.shapes(ofFile: folder.appending(path: name))) { first, _ in first }
    }
  }

  var values: Int { shapes.values.reduce(0) { $0 &+ Self.count($1) } }

  static func count(_ shape: [Int]) -> Int {
    shape.reduce(into: 1) { $0 = $0.multipliedReportingOverflow(by: $1).partialValue }
  }

  /// Values of rank r beside a weight of `[out, in, ...]`: r (out + in ...), and `out` magnitudes of DoRA.
  func adapters(_ layers: [String], _ lora: TrainingRecipe.LoRA) -> Int {
    shapes.filter { name, shape in
      shape.count > 1 && layers.contains { name.hasSuffix("\($0).weight") }
    }.values.reduce(0) { sum, shape in
      let out = shape[0]
      let inputs = Self.count(Array(shape.dropFirst()))
      return sum &+ lora.rank &* (out &+ inputs) &+ (lora.dora ? out : 0)
    }
  }

  private static func shapes(ofFile file: URL) -> [String: [Int]] {
    guard let handle = try? FileHandle(forReadingFrom: file) else { return [:] }
    defer { try? handle.close() }
    guard let prefix = try? handle.read(upToCount: 8), prefix.count == 8 else { return [:] }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= 16 << 20, let header = try? handle.read(upToCount: Int(length)),
      let tensors = try? JSONSerialization.jsonObject(with: header) as? [String: Any]
    else { return [:] }
    return tensors.compactMapValues { value in
      guard let shape = (value as? [String: Any])?["shape"] as? [Int],
        shape.allSatisfy({ (0...1_000_000_000).contains($0) })
      else { return nil }
      return shape
    }
  }
}
