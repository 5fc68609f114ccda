package import Foundation
import Tensors

/// Low-rank updates as diffusers 0.42 and peft write them (`StableDiffusionPipeline.save_lora_weights`):
/// `unet.PATH.lora_A.weight`, `lora_B.weight`, `lora_magnitude_vector`; rank and alpha as JSON in the metadata.
package enum DiffusersLoRA {
  /// - Parameters:
  ///   - metadata: text beside the tensors
  ///   - dtype: format of the tensors
  package static func write(
    _ updates: LowRankUpdates, to url: URL, metadata: [String: String] = [:],
    dtype: StoredDType = .f32
  ) throws(WeightError) {
    let own = ["format": "pt", "lora_adapter_metadata": try adapterMetadata(updates, url)]
    var writer = SafetensorsWriter(metadata: metadata.merging(own) { $1 })
    for (path, update) in updates {
      let key = fileKey(path)
      writer.add("\(key).lora_A.weight", update.down.detached(), as: dtype)
      writer.add("\(key).lora_B.weight", update.up.detached(), as: dtype)
      if let magnitude = update.magnitude {
        // peft shapes a kernel's norms [1, out, 1, 1].
        let isKernel = update.down.shape.rank == 4
        let shape = isKernel ? [1, magnitude.count, 1, 1] : [magnitude.count]
        writer.add(
          "\(key).\(magnitudeName(path))", Tensor(magnitude.values, shape: Shape(shape)), as: dtype)
      }
    }
    try writer.write(to: url)
  }

  /// peft leaves `weight` out; transformers, which loads the text encoder's part, finds nothing without it.
  private static func magnitudeName(_ path: String) -> String {
    path.hasPrefix("unet.") ? "lora_magnitude_vector" : "lora_magnitude_vector.weight"
  }

  /// transformers before 5.6 keeps the text encoder's layers below `text_model`, and diffusers drops that where
  /// it has none.
  private static func fileKey(_ path: String) -> String {
    let (component, rest) = AdaptableLayers.split(path)
    return component == "unet" ? path : "\(component).text_model.\(rest)"
  }

  /// `LoraConfig` of each component, its names in front: `unet.r`, `unet.lora_alpha`, ...
  private static func adapterMetadata(
    _ updates: LowRankUpdates, _ url: URL
  ) throws(WeightError) -> String {
    var fields: [String: Any] = [:]
    let components = Dictionary(grouping: updates) { AdaptableLayers.split($0.key).component }
    for (component, updates) in components {
      guard Set(updates.map { $0.value.magnitude == nil }).count == 1 else {
        throw .writeFailed(
          file: url.shortName,
          reason: "some layers of \(component) have magnitudes and some have none, "
            + "which this format cannot say; the kohya format can")
      }
      let layers = updates.map { (AdaptableLayers.split($0.key).rest, $0.value) }
      let (rank, alpha) = (mostCommon(layers.map(\.1.rank)), mostCommon(layers.map(\.1.alpha)))
      func pattern<N: Equatable>(_ value: (LowRankUpdate) -> N, _ usual: N) -> [String: N] {
        Dictionary(
          uniqueKeysWithValues: layers.filter { value($0.1) != usual }.map { ($0.0, value($0.1)) })
      }
      let own: [String: Any] = [
        "peft_type": "LORA", "bias": "none", "lora_bias": false, "init_lora_weights": true,
        "r": rank, "rank_pattern": pattern(\.rank, rank),
        "lora_alpha": number(alpha),
        "alpha_pattern": pattern(\.alpha, alpha).mapValues(number),
        "target_modules": layers.map(\.0).sorted(), "use_dora": layers[0].1.magnitude != nil,
        "use_rslora": false, "inference_mode": true,
      ]
      for (name, value) in own { fields["\(component).\(name)"] = value }
    }
    do {
      let data = try JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys])
      return String(decoding: data, as: UTF8.self)
    } catch {
      throw .writeFailed(file: url.shortName, reason: error.localizedDescription)
    }
  }

  /// peft takes alpha for a whole number unless it is none.
  private static func number(_ alpha: Float) -> Any {
    Int(exactly: alpha).map { $0 as Any } ?? Double(alpha)
  }

  private static func mostCommon<N: Hashable & Comparable>(_ values: [N]) -> N {
    let counts = Dictionary(grouping: values) { $0 }.mapValues(\.count)
    let best = counts.min { ($1.value, $0.key) < ($0.value, $1.key) }
    return best?.key ?? values[0]
  }
}
