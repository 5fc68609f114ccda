import Tensors

/// The layers of a model that a low-rank update can change, with the shapes of their weights.
///
/// Names of other tools are resolved against this list: `down_blocks_0` says nothing of where its dots were.
package struct AdaptableLayers {
  /// Path (as in `LowRankUpdates`) to `[out, in]` or `[out, in, kh, kw]`.
  package let shapes: [String: [Int]]
  private let kohyaNames: [String: String]
  /// `input_blocks.1.1.proj_in` of the original U-Net, to our path.
  private let originalNames: [String: String]

  package init(unet: ParameterList, textEncoder: ParameterList) {
    var shapes: [String: [Int]] = [:]
    var names: [String: String] = [:]
    var originals: [String: String] = [:]
    let places = SingleFileLayout.unet(unet.map(\.key))
    for parameter in unet {
      guard let path = Self.layer(parameter) else { continue }
      shapes["unet.\(path)"] = parameter.tensor.shape.dims
      names["lora_unet_" + Self.flat(path)] = "unet.\(path)"
      // Trainers that build the original U-Net name its blocks.
      if let original = places[parameter.key]?.key.dropFirst(SingleFileLayout.unetPrefix.count) {
        let layer = String(original.dropLast(".weight".count))
        names["lora_unet_" + Self.flat(layer)] = "unet.\(path)"
        originals[layer] = "unet.\(path)"
      }
      names["lycoris_" + Self.flat(path)] = "unet.\(path)"
    }
    for parameter in textEncoder {
      guard let path = Self.layer(parameter) else { continue }
      shapes["text_encoder.\(path)"] = parameter.tensor.shape.dims
      for prefix in ["lora_te_text_model_", "lora_te1_text_model_"] {
        names[prefix + Self.flat(path)] = "text_encoder.\(path)"
      }
    }
    (self.shapes, kohyaNames, originalNames) = (shapes, names, originals)
  }

  /// The path of the layer whose matrix or kernel a parameter is, the text encoder's without `text_model`.
  /// - Returns: nil for vectors, and for tables, which are no layers
  package static func layer(_ parameter: Parameter) -> String? {
    guard parameter.tensor.shape.rank > 1, parameter.key.hasSuffix(".weight") else { return nil }
    let path = bare(String(parameter.key.dropLast(".weight".count)))
    return path.hasPrefix("embeddings.") ? nil : path
  }

  /// A path inside a component without the text encoder's `text_model`, which not every file has.
  static func bare(_ path: String) -> String {
    path.hasPrefix("text_model.") ? String(path.dropFirst("text_model.".count)) : path
  }

  private static func flat(_ path: some StringProtocol) -> String {
    String(path).replacing(".", with: "_")
  }

  /// `lora_unet_down_blocks_0_...` as one of our paths.
  func path(ofKohya name: String) -> String? { kohyaNames[name] }

  /// The name that kohya's scripts give one of our paths.
  static func kohyaName(_ path: String) -> String {
    let (component, rest) = split(path)
    return (component == "unet" ? "lora_unet_" : "lora_te_text_model_") + flat(rest)
  }

  /// `unet.a.b` as (`unet`, `a.b`).
  static func split(_ path: String) -> (component: String, rest: String) {
    let parts = path.split(separator: ".", maxSplits: 1)
    return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
  }

  /// A path as diffusers and peft spell it, old and new, as one of ours.
  func path(ofDotted name: String) -> String? {
    var name = name
    // peft wraps a component's model; what is before says which component.
    name = name.replacing("base_model.model.", with: "")
    for prefix in ["model.diffusion_model.", "diffusion_model."] where name.hasPrefix(prefix) {
      return originalNames[String(name.dropFirst(prefix.count))]
    }
    name = name.replacing(".processor.", with: ".").replacing(".default", with: "")
    for (old, new) in Self.oldProjections where name.hasSuffix(old) {
      name = name.dropLast(old.count) + new
    }
    for candidate in [name, "unet.\(name)", "text_encoder.\(name)"] {
      let bare = candidate.replacing("text_encoder.text_model.", with: "text_encoder.")
      for path in [bare, Self.textProjection(bare)] where shapes[path] != nil { return path }
    }
    return nil
  }

  /// diffusers before 0.18 named the adapter, not the layer.
  private static let oldProjections = [
    (".to_q_lora", ".to_q"), (".to_k_lora", ".to_k"), (".to_v_lora", ".to_v"),
    (".to_out_lora", ".to_out.0"), (".lora_linear_layer", ""),
  ]

  /// ... in the text encoder by the U-Net's names.
  private static func textProjection(_ path: String) -> String {
    guard path.hasPrefix("text_encoder.") else { return path }
    return [".to_q": ".q_proj", ".to_k": ".k_proj", ".to_v": ".v_proj", ".to_out.0": ".out_proj"]
      .reduce(path) { path, name in
        path.hasSuffix(name.key) ? path.dropLast(name.key.count) + name.value : path
      }
  }
}
