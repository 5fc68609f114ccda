import Foundation
import Models
import Tensors
import Weights

/// The one place where `[B, C, H, W]` becomes `[B, H, W, C]` and back, with every input checked.
struct ProbeDoor {
  private let file: SafetensorsFile

  init(_ file: SafetensorsFile) { self.file = file }

  static func outward(_ tensor: Tensor) -> Tensor {
    let plain = tensor.detached()
    return plain.shape.rank == 4 ? plain.transposed(axes: [0, 3, 1, 2]) : plain
  }

  private func tensor(_ name: String, rank: Int, _ wanted: String) throws -> Tensor {
    guard let entry = file[name] else {
      throw UsageError("\(file.url.path): no tensor '\(name)'; \(wanted) is needed")
    }
    guard entry.shape.count == rank, !entry.shape.contains(0) else {
      throw UsageError("\(file.url.path): '\(name)' has shape \(entry.shape), not \(wanted)")
    }
    return try file.tensor(name)
  }

  /// `[B, H, W, C]`
  func picture(_ name: String, channels: Int, multiple: Int) throws -> Tensor {
    let x = try tensor(name, rank: 4, "[B, \(channels), H, W]")
    let (_, C, H, W) = x.shape4
    guard C == channels, H % multiple == 0, W % multiple == 0 else {
      throw UsageError(
        "\(file.url.path): '\(name)' has shape \(x.shape), not [B, \(channels), H, W] "
          + "with sides that are multiples of \(multiple)")
    }
    return x.transposed(axes: [0, 2, 3, 1])
  }

  /// A tensor with the shape of an output, in the engine's layout.
  func activation(_ name: String, like output: Tensor) throws -> Tensor {
    let x = try tensor(name, rank: output.shape.rank, "the shape of the first output")
    let inward = x.shape.rank == 4 ? x.transposed(axes: [0, 2, 3, 1]) : x
    guard inward.shape == output.shape else {
      throw UsageError(
        "\(file.url.path): '\(name)' has shape \(x.shape), not that of the first output, "
          + "\(Self.outward(output).shape)")
    }
    return inward
  }

  /// Token ids, one row for each text.
  func ids(_ config: CLIPTextConfig) throws -> [[Int]] {
    guard let shape = file["input_ids"]?.shape, shape.count == 2, !shape.contains(0),
      shape[1] <= config.maxPositionEmbeddings
    else {
      throw UsageError(
        "\(file.url.path): 'input_ids' [B, T] is needed, T at most \(config.maxPositionEmbeddings)")
    }
    let ids = try file.integers("input_ids")
    guard ids.allSatisfy({ (0..<config.vocabSize).contains($0) }) else {
      throw UsageError("\(file.url.path): an id of 'input_ids' is not in 0..<\(config.vocabSize)")
    }
    return stride(from: 0, to: ids.count, by: shape[1]).map { Array(ids[$0..<$0 + shape[1]]) }
  }

  func run(_ unet: UNet2DConditionModel) throws -> Tensor {
    let config = unet.config
    let zt = try picture("sample", channels: config.inChannels, multiple: config.sideMultiple)
    let context = try tensor(
      "encoder_hidden_states", rank: 3, "[B, T, \(config.crossAttentionDim)]")
    guard let timestep = file["timestep"], timestep.shape.count <= 1 else {
      throw UsageError("\(file.url.path): 'timestep' [B] is needed")
    }
    var t =
      timestep.dtype == .i64 || timestep.dtype == .i32
      ? try file.integers("timestep").map { Float($0) } : try file.tensor("timestep").values
    let B = zt.shape[0]
    if t.count == 1 { t = Array(repeating: t[0], count: B) }
    guard t.count == B, context.shape[0] == B, context.shape[2] == config.crossAttentionDim else {
      throw UsageError(
        "\(file.url.path): 'timestep' \(timestep.shape) and 'encoder_hidden_states' "
          + "\(context.shape) do not fit 'sample' \(zt.shape): "
          + "[\(B)] and [\(B), T, \(config.crossAttentionDim)] are needed")
    }
    return unet(zt, t: t, context: context)
  }

  func run(_ clip: CLIPModel) throws -> [(String, Tensor)] {
    var results: [(String, Tensor)] = []
    if file["pixel_values"] != nil {
      let vision = clip.config.visionConfig
      let pixels = try picture("pixel_values", channels: vision.numChannels, multiple: 1)
      guard pixels.shape[1] == vision.imageSize, pixels.shape[2] == vision.imageSize else {
        throw UsageError(
          "\(file.url.path): 'pixel_values' needs sides of \(vision.imageSize), as its config says")
      }
      results.append(("image_embeds", clip.embedImage(pixels)))
    }
    if file["input_ids"] != nil {
      results.append(("text_embeds", clip.embedText(try ids(clip.config.textConfig))))
    }
    guard !results.isEmpty else {
      throw UsageError("\(file.url.path): 'pixel_values' or 'input_ids' is needed")
    }
    return results
  }
}
