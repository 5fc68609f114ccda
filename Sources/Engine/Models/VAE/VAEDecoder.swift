package import Tensors
package import Weights

/// Latents to picture. Must match `diffusers.models.autoencoders.vae.Decoder`.
package struct VAEDecoder {
  let convIn: Conv2d
  let midBlock: VAEMidBlock
  let levels: [(resnets: [ResnetBlock2D], upsampler: Upsample2D?)]
  let convNormOut: GroupNorm
  let convOut: Conv2d

  package init(_ w: WeightScope, config: VAEConfig) throws(WeightError) {
    let (channels, groups) = (Array(config.blockOutChannels.reversed()), config.normNumGroups)
    let last = channels[channels.count - 1]
    convIn = try Conv2d(
      w / "conv_in", from: config.latentChannels, to: channels[0], kernel: 3, padding: Padding(1))
    midBlock = try VAEMidBlock(w / "mid_block", channels: channels[0], groups: groups)
    var levels: [(resnets: [ResnetBlock2D], upsampler: Upsample2D?)] = []
    for (i, cOut) in channels.enumerated() {
      let w = w / "up_blocks" / i
      var resnets: [ResnetBlock2D] = []
      for j in 0...config.layersPerBlock {
        resnets.append(
          try ResnetBlock2D(
            w / "resnets" / j, from: j == 0 ? channels[max(i - 1, 0)] : cOut, to: cOut, time: nil,
            groups: groups, eps: 1e-6))
      }
      let upsampler =
        i + 1 < channels.count ? try Upsample2D(w / "upsamplers.0", channels: cOut) : nil
      levels.append((resnets, upsampler))
    }
    self.levels = levels
    convNormOut = try GroupNorm(w / "conv_norm_out", channels: last, groups: groups, eps: 1e-6)
    convOut = try Conv2d(
      w / "conv_out", from: last, to: config.outChannels, kernel: 3, padding: Padding(1))
  }

  /// - Parameter z: latents, unscaled, `[B, H, W, latentChannels]`
  /// - Returns: picture, about -1...1, `[B, f H, f W, 3]`
  package func callAsFunction(_ z: Tensor) -> Tensor {
    var x = midBlock(convIn(z))
    for (resnets, upsampler) in levels {
      for resnet in resnets { x = resnet(x, t: nil) }
      x = upsampler?(x) ?? x
    }
    return convOut(convNormOut.silu(x))
  }
}
