/// `unet/config.json` of a Stable Diffusion 1.x or 2.x checkpoint.
package struct UNetConfig: ModelConfig {
  package enum DownBlockType: String, Codable, Sendable {
    case crossAttention = "CrossAttnDownBlock2D"
    case plain = "DownBlock2D"
  }

  package enum UpBlockType: String, Codable, Sendable {
    case crossAttention = "CrossAttnUpBlock2D"
    case plain = "UpBlock2D"
  }

  package var sampleSize: Int?
  package var inChannels: Int
  package var outChannels: Int
  package var layersPerBlock: Int
  package var blockOutChannels: [Int]
  package var downBlockTypes: [DownBlockType]
  package var upBlockTypes: [UpBlockType]
  package var crossAttentionDim: Int
  /// In spite of its name the *number* of heads, of every level or of each
  /// (https://github.com/huggingface/diffusers/issues/2011).
  package var attentionHeadDim: OneOrEach
  package var normNumGroups: Int
  package var normEps: Float
  package var useLinearProjection: Bool
  /// Concerns f16 arithmetic alone; carried along.
  package var upcastAttention: Bool

  package init(
    sampleSize: Int?, inChannels: Int, outChannels: Int, layersPerBlock: Int,
    blockOutChannels: [Int], downBlockTypes: [DownBlockType], upBlockTypes: [UpBlockType],
    crossAttentionDim: Int, attentionHeadDim: OneOrEach, normNumGroups: Int,
    useLinearProjection: Bool = false
  ) {
    self.sampleSize = sampleSize
    (self.inChannels, self.outChannels) = (inChannels, outChannels)
    (self.layersPerBlock, self.blockOutChannels) = (layersPerBlock, blockOutChannels)
    (self.downBlockTypes, self.upBlockTypes) = (downBlockTypes, upBlockTypes)
    (self.crossAttentionDim, self.attentionHeadDim) = (crossAttentionDim, attentionHeadDim)
    (self.normNumGroups, self.normEps) = (normNumGroups, 1e-5)
    (self.useLinearProjection, self.upcastAttention) = (useLinearProjection, false)
  }

  /// Latent sides must be multiples of this.
  package var sideMultiple: Int { 1 << (blockOutChannels.count - 1) }

  func heads(at level: Int) -> Int { attentionHeadDim[level] }

  var widths: UNetWidths {
    UNetWidths(
      time: 4 * blockOutChannels[0], context: crossAttentionDim, groups: normNumGroups,
      eps: normEps,
      hasLinearProjections: useLinearProjection)
  }
}

/// A number for all levels, or one for each.
package enum OneOrEach: Codable, Equatable, Sendable {
  case one(Int)
  case each([Int])

  package init(from decoder: any Decoder) throws {
    let box = try decoder.singleValueContainer()
    if let one = try? box.decode(Int.self) {
      self = .one(one)
    } else {
      self = .each(try box.decode([Int].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var box = encoder.singleValueContainer()
    switch self {
    case .one(let value): try box.encode(value)
    case .each(let values): try box.encode(values)
    }
  }

  subscript(level: Int) -> Int {
    switch self {
    case .one(let value): value
    case .each(let values): values[level]
    }
  }

  func fits(_ count: Int) -> Bool {
    if case .each(let values) = self { values.count == count } else { true }
  }
}

// MARK: - What a file may say

extension UNetConfig {
  package static let classField: (key: String, value: JSONValue) = (
    "_class_name", .string("UNet2DConditionModel")
  )

  package static let defaults: [String: JSONValue] = [
    "norm_eps": .number(1e-5), "use_linear_projection": .bool(false),
    "upcast_attention": .bool(false),
  ]

  package static let fixed: [String: JSONValue] = [
    "act_fn": .string("silu"), "addition_embed_type": .null, "attention_type": .string("default"),
    "center_input_sample": .bool(false), "class_embed_type": .null,
    "class_embeddings_concat": .bool(false), "conv_in_kernel": .int(3), "conv_out_kernel": .int(3),
    "cross_attention_norm": .null, "downsample_padding": .int(1),
    "dual_cross_attention": .bool(false), "encoder_hid_dim": .null, "encoder_hid_dim_type": .null,
    "flip_sin_to_cos": .bool(true), "freq_shift": .int(0), "mid_block_scale_factor": .int(1),
    "mid_block_type": .string("UNetMidBlock2DCrossAttn"), "num_attention_heads": .null,
    "num_class_embeds": .null, "only_cross_attention": .bool(false),
    "resnet_out_scale_factor": .number(1), "resnet_skip_time_act": .bool(false),
    "resnet_time_scale_shift": .string("default"), "time_cond_proj_dim": .null,
    "time_embedding_act_fn": .null, "time_embedding_dim": .null,
    "time_embedding_type": .string("positional"), "timestep_post_act": .null,
    "transformer_layers_per_block": .int(1),
  ]

  package var contradiction: String? {
    let levels = blockOutChannels.count
    return firstFailure([
      ((1...8).contains(levels), "block_out_channels needs 1 to 8 levels"),
      (
        downBlockTypes.count == levels && upBlockTypes.count == levels,
        "down_block_types and up_block_types need \(levels) entries, as block_out_channels"
      ),
      (
        attentionHeadDim.fits(levels),
        "attention_head_dim needs one number, or \(levels) as block_out_channels"
      ),
      ((1...16).contains(layersPerBlock), "layers_per_block must lie in 1...16"),
      (
        (blockOutChannels + [inChannels, outChannels, crossAttentionDim])
          .allSatisfy { (1...maximumWidth).contains($0) }, "a width is not in 1...\(maximumWidth)"
      ),
      (
        normNumGroups > 0 && blockOutChannels.allSatisfy { $0 % normNumGroups == 0 },
        "block_out_channels \(blockOutChannels) are not multiples of norm_num_groups \(normNumGroups)"
      ),
      (
        blockOutChannels.indices.allSatisfy {
          let heads = attentionHeadDim.fits(levels) ? heads(at: $0) : 0
          return heads > 0 && blockOutChannels[$0] % heads == 0
        },
        "block_out_channels \(blockOutChannels) do not split into the heads of attention_head_dim"
      ),
      (normEps > 0 && normEps.isFinite, "norm_eps must be above 0"),
    ])
  }
}

// MARK: - Presets

extension UNetConfig {
  /// https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5/blob/main/unet/config.json
  package static let sd15 = UNetConfig(
    sampleSize: 64, inChannels: 4, outChannels: 4, layersPerBlock: 2,
    blockOutChannels: [320, 640, 1280, 1280],
    downBlockTypes: [.crossAttention, .crossAttention, .crossAttention, .plain],
    upBlockTypes: [.plain, .crossAttention, .crossAttention, .crossAttention],
    crossAttentionDim: 768, attentionHeadDim: .one(8), normNumGroups: 32)

  /// The U-Net of the planning figures: 16 x 16 latents, 8.8 M parameters.
  package static let small = UNetConfig(
    sampleSize: 16, inChannels: 4, outChannels: 4, layersPerBlock: 1,
    blockOutChannels: [64, 128, 192], downBlockTypes: [.crossAttention, .crossAttention, .plain],
    upBlockTypes: [.plain, .crossAttention, .crossAttention], crossAttentionDim: 128,
    attentionHeadDim: .one(4), normNumGroups: 16)

  /// For tests.
  package static let tiny = UNetConfig(
    sampleSize: 8, inChannels: 4, outChannels: 4, layersPerBlock: 1, blockOutChannels: [4, 8],
    downBlockTypes: [.crossAttention, .plain], upBlockTypes: [.plain, .crossAttention],
    crossAttentionDim: 8, attentionHeadDim: .one(2), normNumGroups: 4)
}
