package import Tensors
package import Weights

/// The picture compressor of Stable Diffusion (Kingma & Welling, 1312.6114; Rombach et al.,
/// 2112.10752). Must match `diffusers.AutoencoderKL`.
package struct AutoencoderKL: ModelComponent {
  package static let weightsName = "diffusion_pytorch_model"
  package static func names(for files: [SafetensorsFile]) -> NameTable? {
    OldVAENames.table(for: files)
  }

  package let config: VAEConfig
  package let parameters: ParameterList
  let encoder: VAEEncoder
  let quantConv: Conv2d
  let postQuantConv: Conv2d
  let decoder: VAEDecoder

  package init(_ w: WeightScope, config: VAEConfig) throws(WeightError) {
    let c = config.latentChannels
    encoder = try VAEEncoder(w / "encoder", config: config)
    quantConv = try Conv2d(w / "quant_conv", from: 2 * c, to: 2 * c, kernel: 1)
    postQuantConv = try Conv2d(w / "post_quant_conv", from: c, to: c, kernel: 1)
    decoder = try VAEDecoder(w / "decoder", config: config)
    self.config = config
    parameters = w.parameters
  }

  /// - Parameter x: picture in -1...1, `[B, H, W, 3]`; sides are multiples of `config.sideMultiple`
  /// - Returns: distribution of the unscaled latents, `[B, H/f, W/f, C]`
  package func encode(_ x: Tensor) -> DiagonalGaussian {
    DiagonalGaussian(moments: quantConv(encoder(x)))
  }

  /// - Parameter z: unscaled latents, `[B, H, W, C]`
  /// - Returns: picture, about -1...1, `[B, f H, f W, 3]`
  package func decode(_ z: Tensor) -> Tensor { decoder(postQuantConv(z)) }
}
