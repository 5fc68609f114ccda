package import Tensors
package import Weights

/// The denoising network of Stable Diffusion 1.x and 2.x (Rombach et al., 2112.10752).
///
/// A contracting arm, a middle, an expanding arm that takes the skips in reverse.
/// Must match `diffusers.UNet2DConditionModel`.
package struct UNet2DConditionModel: ModelComponent {
  package static let weightsName = "diffusion_pytorch_model"

  package let config: UNetConfig
  package let parameters: ParameterList
  package var recomputation = Recomputation.none
  /// All layers, or none.
  package var recomputesActivations: Bool {
    get { recomputation == .all }
    set { recomputation = newValue ? .all : .none }
  }

  let convIn: Conv2d
  let timeEmbedding: TimestepEmbedding
  let downBlocks: [any UNetDownBlock]
  let midBlock: UNetMidBlock2DCrossAttn
  let upBlocks: [any UNetUpBlock]
  let convNormOut: GroupNorm
  let convOut: Conv2d

  package init(_ w: WeightScope, config: UNetConfig) throws(WeightError) {
    let channels = config.blockOutChannels
    let widths = config.widths
    let (first, last, top) = (channels[0], channels[channels.count - 1], channels.count - 1)
    convIn = try Conv2d(
      w / "conv_in", from: config.inChannels, to: first, kernel: 3, padding: Padding(1))
    timeEmbedding = try TimestepEmbedding(w / "time_embedding", from: first, to: widths.time)

    // Channels of every skip, in the order the expanding arm takes them from the end.
    var skips = [first]
    var downBlocks: [any UNetDownBlock] = []
    for (i, type) in config.downBlockTypes.enumerated() {
      let (w, cIn, cOut) = (w / "down_blocks" / i, i == 0 ? first : channels[i - 1], channels[i])
      let layers = config.layersPerBlock
      switch type {
      case .crossAttention:
        downBlocks.append(
          try CrossAttnDownBlock2D(
            w, from: cIn, to: cOut, layers: layers, heads: config.heads(at: i),
            downsamples: i < top, widths))
      case .plain:
        downBlocks.append(
          try DownBlock2D(w, from: cIn, to: cOut, layers: layers, downsamples: i < top, widths))
      }
      skips += Array(repeating: cOut, count: i < top ? layers + 1 : layers)
    }
    self.downBlocks = downBlocks

    midBlock = try UNetMidBlock2DCrossAttn(
      w / "mid_block", channels: last, heads: config.heads(at: top), widths)

    var upBlocks: [any UNetUpBlock] = []
    for (i, type) in config.upBlockTypes.enumerated() {
      let level = top - i
      let (w, cIn, cOut) = (
        w / "up_blocks" / i, i == 0 ? last : channels[level + 1], channels[level]
      )
      let taken = Array(skips.suffix(config.layersPerBlock + 1).reversed())
      skips.removeLast(taken.count)
      switch type {
      case .crossAttention:
        upBlocks.append(
          try CrossAttnUpBlock2D(
            w, from: cIn, to: cOut, skips: taken, heads: config.heads(at: level),
            upsamples: i < top, widths))
      case .plain:
        upBlocks.append(
          try UpBlock2D(w, from: cIn, to: cOut, skips: taken, upsamples: i < top, widths))
      }
    }
    self.upBlocks = upBlocks

    convNormOut = try GroupNorm(
      w / "conv_norm_out", channels: first, groups: widths.groups, eps: widths.eps)
    convOut = try Conv2d(
      w / "conv_out", from: first, to: config.outChannels, kernel: 3, padding: Padding(1))
    self.config = config
    parameters = w.parameters
  }

  /// - Parameters:
  ///   - zt: noised latents, `[B, H, W, C]`; sides are multiples of `config.sideMultiple`
  ///   - t: timesteps, one for each sample
  ///   - context: text states, `[B, T, D]`
  /// - Returns: prediction, `[B, H, W, C]`
  package func callAsFunction(_ zt: Tensor, t: [Float], context: Tensor) -> Tensor {
    predict(zt, t: t, context: context, census: nil)
  }

  func predict(_ zt: Tensor, t: [Float], context: Tensor, census: LayerCensus?) -> Tensor {
    let (B, H, W, _) = zt.shape4
    precondition(
      t.count == B && H % config.sideMultiple == 0 && W % config.sideMultiple == 0,
      "UNet2DConditionModel: \(zt.shape), \(t.count) timesteps")
    let embedded = timeEmbedding(t)
    let given =
      census.map { UNetConditions(t: embedded, context: context, census: $0) }
      ?? UNetConditions(t: embedded, context: context, recomputation: recomputation)
    var x = convIn(zt)
    var skips = [x]
    for block in downBlocks {
      let (y, added) = block(x, given)
      x = y
      skips += added
    }
    x = midBlock(x, given)
    for block in upBlocks { x = block(x, skips: &skips, given) }
    return convOut(convNormOut.silu(x))
  }
}
