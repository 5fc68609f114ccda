package import Tensors
package import Weights

/// Picture to the moments of its latents. Must match `diffusers.models.autoencoders.vae.Encoder`.
package struct VAEEncoder {
  let convIn: Conv2d
  let levels: [(resnets: [ResnetBlock2D], downsampler: Downsample2D?)]
  let midBlock: VAEMidBlock
  let convNormOut: GroupNorm
  let convOut: Conv2d

  package init(_ w: WeightScope, config: VAEConfig) throws(WeightError) {
    let (channels, groups) = (config.blockOutChannels, config.normNumGroups)
    let (first, last) = (channels[0], channels[channels.count - 1])
    convIn = try Conv2d(
      w / "conv_in", from: config.inChannels, to: first, kernel: 3, padding: Padding(1))
    var levels: [(resnets: [ResnetBlock2D], downsampler: Downsample2D?)] = []
    for (i, cOut) in channels.enumerated() {
      let w = w / "down_blocks" / i
      var resnets: [ResnetBlock2D] = []
      for j in 0..<config.layersPerBlock {
        resnets.append(
          try ResnetBlock2D(
            w / "resnets" / j, from: j == 0 ? channels[max(i - 1, 0)] : cOut, to: cOut, time: nil,
            groups: groups, eps: 1e-6))
      }
      let padding = Padding(top: 0, left: 0, bottom: 1, right: 1)
      let downsampler =
        i + 1 < channels.count
        ? try Downsample2D(w / "downsamplers.0", channels: cOut, padding: padding) : nil
      levels.append((resnets, downsampler))
    }
    self.levels = levels
    midBlock = try VAEMidBlock(w / "mid_block", channels: last, groups: groups)
    convNormOut = try GroupNorm(w / "conv_norm_out", channels: last, groups: groups, eps: 1e-6)
    convOut = try Conv2d(
      w / "conv_out", from: last, to: 2 * config.latentChannels, kernel: 3, padding: Padding(1))
  }

  /// - Parameter x: picture in -1...1, `[B, H, W, 3]`
  /// - Returns: moments, `[B, H/f, W/f, 2 * latentChannels]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    var x = convIn(x)
    for (resnets, downsampler) in levels {
      for resnet in resnets { x = resnet(x, t: nil) }
      x = downsampler?(x) ?? x
    }
    return convOut(convNormOut.silu(midBlock(x)))
  }
}
