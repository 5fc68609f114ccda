package import Foundation
import Tensors

/// Reads low-rank updates in any form that the field writes; the form is known by the names inside:
///
///     unet.PATH.lora_A.weight                 diffusers since 0.22, with peft
///     base_model.model.PATH.lora_A.weight     peft itself, `adapter_config.json` beside it
///     unet.PATH.processor.to_q_lora.down.weight, ...lora.down.weight     diffusers before
///     lora_unet_PATH_WITH_UNDERSCORES.lora_down.weight     kohya's scripts, LyCORIS (also `lycoris_PATH...`)
///     diffusion_model.ORIGINAL.PATH.lora_A.weight     interfaces that keep the original U-Net's names
///
/// `bundle_emb.WORD...` beside the updates is left to `BundledEmbeddings`.
/// Reading is strict: every tensor belongs to a layer of the model and has its shape.
package enum LoRAFile {
  package static func read(
    _ url: URL, for layers: AdaptableLayers
  ) throws(WeightError) -> LowRankUpdates {
    try read(SafetensorsFile(url), for: layers)
  }

  package static func read(
    _ file: SafetensorsFile, for layers: AdaptableLayers
  ) throws(WeightError) -> LowRankUpdates {
    let (found, unknown) = try sort(file, layers)
    guard unknown.isEmpty else { throw .unused(keys: unknown) }
    guard !found.isEmpty else {
      throw .config(file: file.url.shortName, reason: "it holds no low-rank update")
    }
    let scales = try LoRAScales(file)
    var updates: LowRankUpdates = [:]
    for (path, keys) in found.sorted(by: { $0.key < $1.key }) {
      updates[path] = try update(path, keys, file, scales, layers)
    }
    return updates
  }

  /// Whether a file's names are those of an adapter.
  package static func isAdapter(_ file: SafetensorsFile) -> Bool {
    file.keys.contains { key in
      let role = LoRARole.of(key)?.role
      return role == .down || role == .up || LoRARole.otherKind(of: key) != nil
    }
  }

  // MARK: - Names

  /// Empty tensors that say what the base predicts; they change nothing in it.
  private static let markers: Set<String> = ["v_pred", "ztsnr"]

  private static func sort(
    _ file: SafetensorsFile, _ layers: AdaptableLayers
  ) throws(WeightError) -> (found: [String: [LoRARole: String]], unknown: [String]) {
    var found: [String: [LoRARole: String]] = [:]
    var unknown: [String] = []
    for key in file.keys where BundledEmbeddings.word(of: key) == nil && !markers.contains(key) {
      guard let (role, layer, ending) = LoRARole.of(key) else {
        if let kind = LoRARole.otherKind(of: key) {
          throw .config(
            file: file.url.shortName,
            reason: "'\(key)' is of the kind \(kind), which is not supported; "
              + "LoRA and DoRA are")
        }
        unknown.append(key)
        continue
      }
      // The adapter's name ends where the layer's does: `to_q_lora.down`.
      let name = ending.hasPrefix("_lora") ? layer + "_lora" : layer
      let isKohya = name.hasPrefix("lora_") || name.hasPrefix("lycoris_")
      guard let path = isKohya ? layers.path(ofKohya: name) : layers.path(ofDotted: name) else {
        unknown.append(key)
        continue
      }
      guard found[path, default: [:]].updateValue(key, forKey: role) == nil else {
        throw .config(
          file: file.url.shortName, reason: "'\(key)' names a tensor that the file holds twice")
      }
    }
    return (found, unknown)
  }

  // MARK: - Values

  private static func update(
    _ path: String, _ keys: [LoRARole: String], _ file: SafetensorsFile, _ scales: LoRAScales,
    _ layers: AdaptableLayers
  ) throws(WeightError) -> LowRankUpdate {
    guard let downKey = keys[.down], let upKey = keys[.up], let shape = layers.shapes[path] else {
      throw .missing(key: missing(keys))
    }
    let (down, up) = (try file.tensor(downKey), try file.tensor(upKey))
    guard let rank = down.shape.dims.first, rank > 0 else {
      throw .shapeMismatch(key: downKey, expected: shape, found: down.shape.dims)
    }
    let (kernel, point) = (Array(shape.dropFirst()), Array(repeating: 1, count: shape.count - 2))
    let factors = (
      down: try fitted(down, [rank] + kernel, downKey),
      up: try fitted(up, [shape[0], rank] + point, upKey)
    )
    var alpha = scales.alpha(of: path, rank: rank) ?? Float(rank)
    if let key = keys[.alpha] {
      alpha = try file.number(key)
      guard alpha.isFinite else {
        throw .config(file: file.url.shortName, reason: "'\(key)' is \(alpha), not a finite number")
      }
    }
    var magnitude: Tensor?
    if let key = keys[.magnitude] {
      let value = try file.tensor(key)
      // [out], [out, 1, ...] or peft's [1, out, 1, 1]. LyCORIS can also take norms over outputs: [1, in].
      let dims = value.shape.dims
      let isColumn =
        dims.first == shape[0] || dims.count == 4 && Array(dims.prefix(2)) == [1, shape[0]]
      guard value.count == shape[0], isColumn else {
        throw .shapeMismatch(key: key, expected: [shape[0]], found: value.shape.dims)
      }
      magnitude = withoutGradients { value.reshaped([shape[0]]) }
    }
    return LowRankUpdate(
      down: factors.down, up: factors.up, alpha: alpha, magnitude: magnitude)
  }

  /// A matrix for a 1 by 1 kernel, or the other way round, is the same update.
  private static func fitted(
    _ tensor: Tensor, _ shape: [Int], _ key: String
  ) throws(WeightError) -> Tensor {
    let found = tensor.shape.dims
    func bare(_ dims: [Int]) -> [Int] {
      dims.count == 4 && dims.suffix(2) == [1, 1] ? Array(dims.prefix(2)) : dims
    }
    guard bare(found) == bare(shape) else {
      throw .shapeMismatch(key: key, expected: shape, found: found)
    }
    return found == shape ? tensor : withoutGradients { tensor.reshaped(Shape(shape)) }
  }

  private static func missing(_ keys: [LoRARole: String]) -> String {
    for role in [LoRARole.down, .up, .alpha, .magnitude] {
      if let key = keys[role], let (_, layer, ending) = LoRARole.of(key) {
        return layer + LoRARole.partner(of: ending)
      }
    }
    return ""
  }
}
