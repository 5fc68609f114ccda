/// `vae/config.json` of a Stable Diffusion 1.x or 2.x checkpoint.
package struct VAEConfig: ModelConfig {
  package enum DownBlockType: String, Codable, Sendable { case plain = "DownEncoderBlock2D" }
  package enum UpBlockType: String, Codable, Sendable { case plain = "UpDecoderBlock2D" }

  package var sampleSize: Int?
  package var inChannels: Int
  package var outChannels: Int
  package var latentChannels: Int
  package var layersPerBlock: Int
  package var blockOutChannels: [Int]
  package var downBlockTypes: [DownBlockType]
  package var upBlockTypes: [UpBlockType]
  package var normNumGroups: Int
  /// Latents of unit variance = scalingFactor * encoder's latents.
  package var scalingFactor: Float

  package init(
    sampleSize: Int?, latentChannels: Int, layersPerBlock: Int, blockOutChannels: [Int],
    normNumGroups: Int, scalingFactor: Float
  ) {
    self.sampleSize = sampleSize
    (inChannels, outChannels, self.latentChannels) = (3, 3, latentChannels)
    (self.layersPerBlock, self.blockOutChannels) = (layersPerBlock, blockOutChannels)
    downBlockTypes = blockOutChannels.map { _ in .plain }
    upBlockTypes = blockOutChannels.map { _ in .plain }
    (self.normNumGroups, self.scalingFactor) = (normNumGroups, scalingFactor)
  }

  /// Side of a picture over side of its latents.
  package var sideMultiple: Int { 1 << (blockOutChannels.count - 1) }
}

extension VAEConfig {
  package static let classField: (key: String, value: JSONValue) = (
    "_class_name", .string("AutoencoderKL")
  )

  /// SD 1.x files are older than the field: `diffusers` 0.11, `AutoencoderKL.__init__`.
  package static let defaults: [String: JSONValue] = ["scaling_factor": .number(0.18215)]

  package static let fixed: [String: JSONValue] = [
    "act_fn": .string("silu"), "latents_mean": .null, "latents_std": .null,
    "mid_block_add_attention": .bool(true), "shift_factor": .null,
    "use_post_quant_conv": .bool(true), "use_quant_conv": .bool(true),
  ]

  package var contradiction: String? {
    let levels = blockOutChannels.count
    return firstFailure([
      ((1...8).contains(levels), "block_out_channels needs 1 to 8 levels"),
      (
        downBlockTypes.count == levels && upBlockTypes.count == levels,
        "down_block_types and up_block_types need \(levels) entries, as block_out_channels"
      ),
      ((1...16).contains(layersPerBlock), "layers_per_block must lie in 1...16"),
      (
        (blockOutChannels + [inChannels, outChannels, latentChannels])
          .allSatisfy { (1...maximumWidth).contains($0) }, "a width is not in 1...\(maximumWidth)"
      ),
      (
        normNumGroups > 0 && blockOutChannels.allSatisfy { $0 % normNumGroups == 0 },
        "block_out_channels \(blockOutChannels) are not multiples of norm_num_groups \(normNumGroups)"
      ),
      (scalingFactor > 0 && scalingFactor.isFinite, "scaling_factor must be above 0"),
    ])
  }

  /// https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5/blob/main/vae/config.json
  package static let sd15 = VAEConfig(
    sampleSize: 512, latentChannels: 4, layersPerBlock: 2, blockOutChannels: [128, 256, 512, 512],
    normNumGroups: 32, scalingFactor: 0.18215)

  /// The VAE of the planning figures: 64 x 64 pictures, 16 x 16 latents.
  package static let small = VAEConfig(
    sampleSize: 64, latentChannels: 4, layersPerBlock: 1, blockOutChannels: [24, 48, 64],
    normNumGroups: 8, scalingFactor: 0.18215)

  /// For tests.
  package static let tiny = VAEConfig(
    sampleSize: 16, latentChannels: 4, layersPerBlock: 1, blockOutChannels: [4, 8],
    normNumGroups: 4, scalingFactor: 0.18215)
}
