/// Names of the original Stable Diffusion checkpoints, one file for the whole model
/// (https://github.com/CompVis/latent-diffusion, `ldm/modules/diffusionmodules/openaimodel.py` and `model.py`).
///
/// The tables follow from our keys alone, whatever the number of levels and of layers in each.
/// The text encoder has two forms: transformers' in 1.x, open_clip's in 2.x.
package enum SingleFileLayout {
  package static let unetPrefix = "model.diffusion_model."
  package static let vaePrefix = "first_stage_model."
  package static let clipPrefix = "cond_stage_model.transformer.text_model."
  package static let openCLIPPrefix = "cond_stage_model.model."

  // MARK: - U-Net

  package static func unet(_ keys: some Collection<String>) -> TensorPlaces {
    let layers = 1 + (keys.compactMap { index($0, after: "down_blocks.0.resnets") }.max() ?? 0)
    return places(keys) { key in
      TensorPlace(unetPrefix + unetName(key, layers: layers, keys: keys))
    }
  }

  private static func unetName(
    _ key: String, layers: Int, keys: some Collection<String>
  ) -> String {
    let path = key.split(separator: ".")
    switch path[0] {
    case "conv_in": return "input_blocks.0.0." + path[1]
    case "conv_norm_out": return "out.0." + path[1]
    case "conv_out": return "out.2." + path[1]
    case "time_embedding": return "time_embed.\(path[1] == "linear_1" ? 0 : 2).\(path[2])"
    case "mid_block":
      let block = path[1] == "attentions" ? 1 : path[2] == "0" ? 0 : 2
      return "middle_block.\(block)." + inner(path[3...])
    default: break
    }
    let (isDown, level, layer) = (path[0] == "down_blocks", Int(path[1]) ?? 0, Int(path[3]) ?? 0)
    let (arm, first) = (isDown ? "input_blocks" : "output_blocks", level * (layers + 1))
    switch (path[2], isDown) {
    case ("downsamplers", _): return "\(arm).\(first + layers + 1).0.op.\(path[5])"
    case ("upsamplers", _):
      let hasAttention = keys.contains { $0.hasPrefix("up_blocks.\(level).attentions.") }
      return "\(arm).\(first + layers).\(hasAttention ? 2 : 1).conv.\(path[5])"
    case ("attentions", _):
      return "\(arm).\(first + layer + (isDown ? 1 : 0)).1." + inner(path[4...])
    default: return "\(arm).\(first + layer + (isDown ? 1 : 0)).0." + inner(path[4...])
    }
  }

  private static let residualNames = [
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
  ]

  /// Within a residual block; transformers have the same names on both sides.
  private static func inner(_ path: ArraySlice<Substring>) -> String {
    let names = path.map(String.init)
    guard names.count == 2, let name = residualNames[names[0]] else {
      return names.joined(separator: ".")
    }
    return "\(name).\(names[1])"
  }

  // MARK: - VAE

  package static func vae(_ keys: some Collection<String>) -> TensorPlaces {
    let levels = 1 + (keys.compactMap { index($0, after: "decoder.up_blocks") }.max() ?? 0)
    return places(keys) { key in
      let isMatrix =
        key.contains(".attentions.") && !key.contains("group_norm")
        && key.hasSuffix(".weight")
      return TensorPlace(vaePrefix + vaeName(key, levels: levels), isKernel: isMatrix)
    }
  }

  private static let attentionNames = [
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out": "proj_out",
  ]

  private static func vaeName(_ key: String, levels: Int) -> String {
    let path = key.split(separator: ".").map(String.init)
    guard path.count > 3 else { return key.replacing("conv_norm_out", with: "norm_out") }
    let half = path[0]
    func residual(_ from: Int) -> String {
      path[from...].joined(separator: ".").replacing("conv_shortcut", with: "nin_shortcut")
    }
    let (number, layer) = (Int(path[2]) ?? 0, Int(path[3]) ?? 0)
    switch (path[1], path[2]) {
    case ("mid_block", "resnets"): return "\(half).mid.block_\(layer + 1)." + residual(4)
    case ("mid_block", _):
      return "\(half).mid.attn_1.\(attentionNames[path[4]] ?? path[4]).\(path[path.count - 1])"
    default: break
    }
    let isDown = path[1] == "down_blocks"
    let block = isDown ? "\(half).down.\(number)" : "\(half).up.\(levels - 1 - number)"
    return switch path[3] {
    case "resnets": "\(block).block." + residual(4)
    default: "\(block).\(isDown ? "downsample" : "upsample").conv.\(path[path.count - 1])"
    }
  }

  // MARK: - Text encoder

  /// As transformers has it, in 1.x.
  package static func clip(
    _ keys: some Collection<String>, prefix: String = clipPrefix
  ) -> TensorPlaces {
    places(keys) { TensorPlace(prefix + bare($0)) }
  }

  private static let openCLIPNames = [
    ("embeddings.token_embedding.weight", "token_embedding.weight"),
    ("embeddings.position_embedding.weight", "positional_embedding"),
    ("final_layer_norm", "ln_final"), ("encoder.layers", "transformer.resblocks"),
    ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"), ("self_attn.out_proj", "attn.out_proj"),
    ("self_attn.q_proj.", "attn.in_proj_"), ("self_attn.k_proj.", "attn.in_proj_"),
    ("self_attn.v_proj.", "attn.in_proj_"),
  ]

  /// As open_clip has it, in 2.x: query, key and value lie in one tensor.
  package static func openCLIP(_ keys: some Collection<String>) -> TensorPlaces {
    places(keys) { key in
      let name = openCLIPNames.reduce(bare(key)) { $0.replacing($1.0, with: $1.1) }
      let third = ["q_proj", "k_proj", "v_proj"].firstIndex { key.contains(".self_attn.\($0).") }
      return TensorPlace(openCLIPPrefix + name, third: third)
    }
  }

  private static func bare(_ key: String) -> String {
    key.hasPrefix("text_model.") ? String(key.dropFirst("text_model.".count)) : key
  }

  // MARK: - What files hold besides

  /// Tensors of original checkpoints that no picture needs: averages, schedules, buffers, the text
  /// tower's way into the joint space.
  package static func isKnownLeftover(_ key: String) -> Bool {
    leftoverPrefixes.contains { key.hasPrefix($0) } || leftovers.contains(key)
      || key.hasSuffix(".position_ids") || key.hasSuffix(".attn_mask")
  }

  private static let leftoverPrefixes = [
    "model_ema.", "first_stage_model.loss.", "cond_stage_model.model.visual.",
  ]
  private static let leftovers: Set<String> = [
    "alphas_cumprod", "alphas_cumprod_prev", "betas", "log_one_minus_alphas_cumprod", "logvar",
    "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2",
    "posterior_variance", "scale_factor", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "global_step", "v_pred", "ztsnr",
    "cond_stage_model.logit_scale", "cond_stage_model.text_projection",
    "cond_stage_model.transformer.text_projection.weight", "cond_stage_model.model.logit_scale",
    "cond_stage_model.model.text_projection",
  ]

  private static func places(
    _ keys: some Collection<String>, _ place: (String) -> TensorPlace
  ) -> TensorPlaces {
    Dictionary(uniqueKeysWithValues: keys.map { ($0, place($0)) })
  }

  /// The number that follows `prefix` in a key.
  private static func index(_ key: String, after prefix: String) -> Int? {
    guard key.hasPrefix(prefix + ".") else { return nil }
    return key.dropFirst(prefix.count + 1).split(separator: ".").first.flatMap { Int($0) }
  }
}
