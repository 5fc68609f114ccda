/// What a tensor of an adapter file is, by the end of its name.
enum LoRARole: Hashable {
  case down, up, alpha, magnitude

  /// Ends of names: peft and diffusers, diffusers before 0.22, kohya and LyCORIS.
  private static let endings: [(ending: String, role: LoRARole)] = [
    (".lora_A.weight", .down), (".lora_B.weight", .up),
    (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
    (".lora_magnitude_vector.default.weight", .magnitude),
    (".lora_magnitude_vector.weight", .magnitude), (".lora_magnitude_vector.default", .magnitude),
    (".lora_magnitude_vector", .magnitude),
    (".lora.down.weight", .down), (".lora.up.weight", .up),
    ("_lora.down.weight", .down), ("_lora.up.weight", .up),
    (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
    (".lora_down.weight", .down), (".lora_up.weight", .up),
    (".dora_scale", .magnitude), (".alpha", .alpha),
  ]

  /// Adapters that are not sums of two factors, by a part of their names; a space is their end.
  private static let otherKinds: [(part: String, kind: String)] = [
    ("hada_w", "LoHa"), ("lokr_w", "LoKr"), (".oft_", "OFT"), (".boft_", "BOFT"),
    (".vera_", "VeRA"),
    ("lora_mid", "LoCon with Tucker factors"), (".a1.weight", "GLoRA"),
    (".diff ", "whole differences of weights"), ("lora_embedding", "LoRA of embeddings"),
    ("lora_B.bias", "LoRA with biases"), (".on_input ", "(IA)3"), (".ia3_", "(IA)3"),
  ]

  /// The kind of adapter that a name belongs to, if it is one that is not read here.
  static func otherKind(of key: String) -> String? {
    otherKinds.first { "\(key) ".contains($0.part) }?.kind
  }

  /// - Returns: the role, the layer's name and the ending
  static func of(_ key: String) -> (role: LoRARole, layer: String, ending: String)? {
    guard let (ending, role) = endings.first(where: { key.hasSuffix($0.ending) }) else {
      return nil
    }
    return (role, String(key.dropLast(ending.count)), ending)
  }

  /// The name of a layer's other factor, spelled as this one.
  static func partner(of ending: String) -> String {
    let pairs = [("lora_A", "lora_B"), (".down.", ".up."), ("lora_down", "lora_up")]
    for (down, up) in pairs {
      if ending.contains(down) { return ending.replacing(down, with: up) }
      if ending.contains(up) { return ending.replacing(up, with: down) }
    }
    return ".lora_down.weight"
  }
}
