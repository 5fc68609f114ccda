import Foundation

/// The numbers that scale the updates of a peft file: `lora_adapter_metadata` in the file itself (diffusers
/// since 0.35), or `adapter_config.json` beside it (peft).
struct LoRAScales {
  private struct Component {
    var rank: Int?
    var alpha: Float?
    var patterns: [(pattern: String, alpha: Float)]
    var isRankStabilised: Bool
  }
  private var components: [String: Component] = [:]

  /// - Throws: `.config` for options that change what the file means and are not known here
  init(_ file: SafetensorsFile) throws(WeightError) {
    if let json = file.metadata["lora_adapter_metadata"] {
      let source = "\(file.url.shortName), lora_adapter_metadata"
      let fields = try Self.object(Data(json.utf8), source)
      for prefix in ["unet", "text_encoder"] {
        let own = fields.filter { $0.key.hasPrefix(prefix + ".") }
        guard !own.isEmpty else { continue }
        let bare = own.map { (String($0.key.dropFirst(prefix.count + 1)), $0.value) }
        components[prefix] = try Self.component(
          Dictionary(uniqueKeysWithValues: bare), source)
      }
      return
    }
    let config = file.url.deletingLastPathComponent().appendingPathComponent("adapter_config.json")
    guard FileManager.default.fileExists(atPath: config.path) else { return }
    let component = try Self.component(
      try Self.object(try SmallFile.read(config), config.shortName), config.shortName)
    components = ["unet": component, "text_encoder": component]
  }

  /// alpha of a layer, or nil if the file's metadata says nothing.
  func alpha(of path: String, rank: Int) -> Float? {
    let (name, layer) = AdaptableLayers.split(path)
    guard let component = components[name] else { return nil }
    let own = component.patterns.first {
      layer == $0.pattern || layer.hasSuffix(".\($0.pattern)")
    }
    guard let alpha = own?.alpha ?? component.alpha else { return nil }
    // peft then divides by the root of the rank (2312.03732).
    return component.isRankStabilised ? alpha * Float(rank).squareRoot() : alpha
  }

  private static func component(
    _ fields: [String: Any], _ source: String
  ) throws(WeightError) -> Component {
    func refuse(_ reason: String) -> WeightError { .config(file: source, reason: reason) }
    if let type = fields["peft_type"] as? String, type.uppercased() != "LORA" {
      throw refuse("peft_type is '\(type)'; LORA is supported")
    }
    if let bias = fields["bias"] as? String, bias != "none" {
      throw refuse("bias is '\(bias)'; trained biases are not supported")
    }
    for name in ["lora_bias", "fan_in_fan_out", "megatron_config"]
    where !(fields[name] is NSNull?) && fields[name] as? Bool != false {
      throw refuse("\(name) is set, which is not supported")
    }
    var patterns: [(pattern: String, alpha: Float)] = []
    for (pattern, value) in (fields["alpha_pattern"] as? [String: Any] ?? [:])
      .sorted(by: { $0.key < $1.key })
    {
      guard let alpha = (value as? NSNumber)?.floatValue,
        pattern.allSatisfy({ $0.isLetter || $0.isNumber || "._".contains($0) })
      else { throw refuse("alpha_pattern '\(pattern)' is not the path of a layer with a number") }
      patterns.append((pattern.replacing("text_model.", with: ""), alpha))
    }
    return Component(
      rank: (fields["r"] as? NSNumber)?.intValue,
      alpha: (fields["lora_alpha"] as? NSNumber)?.floatValue, patterns: patterns,
      isRankStabilised: fields["use_rslora"] as? Bool ?? false)
  }

  private static func object(_ data: Data, _ source: String) throws(WeightError) -> [String: Any] {
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw .config(file: source, reason: "it is not a JSON object")
    }
    return object
  }
}
