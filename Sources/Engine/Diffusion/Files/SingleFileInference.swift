import Models
import Weights

/// Configurations of a single-file checkpoint from nothing but its names and shapes. Those of Stable
/// Diffusion 1.x and 2.x say everything except how many heads a width has, which the two families fix.
struct SingleFileInference {
  let file: SafetensorsFile

  private var name: String { file.url.shortName }

  /// Whether the text encoder has open_clip's names, as in 2.x.
  var hasOpenCLIP: Bool {
    file[SingleFileLayout.openCLIPPrefix + "token_embedding.weight"] != nil
  }

  /// - Parameter prediction: what the user says the network predicts
  func configs(prediction: PredictionType?) throws(WeightError) -> ModelConfigs {
    var said = prediction
    if said == nil { said = try statedPrediction() }
    var schedule = SchedulerConfig.stableDiffusion(prediction: said ?? .epsilon)
    if file["ztsnr"] != nil { schedule.zeroTerminalSNR = true }
    let side = hasOpenCLIP && schedule.prediction == .velocity ? 96 : 64
    let configs = ModelConfigs(
      unet: try unet(sampleSize: side), vae: try vae(pictureSize: 8 * side), text: try text(),
      schedule: schedule, tokenizer: nil)
    let contradiction =
      configs.unet.contradiction ?? configs.vae.contradiction ?? configs.text.contradiction
    if let contradiction { throw .config(file: name, reason: "by its shapes, \(contradiction)") }
    return configs
  }

  /// 1.x predicts noise. 2.x does so at 512 pixels and velocity at 768, with the same names and shapes.
  private func statedPrediction() throws(WeightError) -> PredictionType {
    if let said = try markedPrediction() { return said }
    guard hasOpenCLIP else { return .epsilon }
    throw .config(
      file: name,
      reason: "a Stable Diffusion 2.x checkpoint that does not say what it predicts; add "
        + "--prediction epsilon (512 pixels) or --prediction v_prediction (768 pixels)")
  }

  /// What the file itself says: ModelSpec's field, or the empty tensors `v_pred` and `ztsnr` that ComfyUI knows.
  private func markedPrediction() throws(WeightError) -> PredictionType? {
    let isMarked = file["v_pred"] != nil || file["ztsnr"] != nil
    guard let said = file.metadata["modelspec.prediction_type"] else {
      return isMarked ? .velocity : nil
    }
    let prediction: PredictionType
    switch said {
    case "epsilon": prediction = .epsilon
    case "v", "v_prediction": prediction = .velocity
    default:
      throw .config(
        file: name,
        reason: "modelspec.prediction_type is '\(said)'; 'epsilon' and 'v' are supported")
    }
    guard !isMarked || prediction == .velocity else {
      throw .config(
        file: name,
        reason: "modelspec.prediction_type says epsilon, the tensor v_pred or ztsnr says velocity; "
          + "remove the wrong one")
    }
    return prediction
  }

  /// Puts what the file says of itself into a schedule from elsewhere.
  func state(_ schedule: inout SchedulerConfig) throws(WeightError) {
    if let said = try markedPrediction() { schedule.prediction = said }
    if file["ztsnr"] != nil { schedule.zeroTerminalSNR = true }
  }

  // MARK: - U-Net

  private func unet(sampleSize: Int) throws(WeightError) -> UNetConfig {
    let prefix = SingleFileLayout.unetPrefix
    func shape(_ key: String) throws(WeightError) -> [Int] { try self.shape(prefix + key) }
    let first = try shape("input_blocks.0.0.weight")
    let blocks = count(prefix + "input_blocks")
    var (widths, hasAttention, layers, isLinear) = ([first[0]], [false], 0, false)
    for block in 1..<max(blocks, 1) {
      let here = "input_blocks.\(block)"
      if file["\(prefix)\(here).0.op.weight"] != nil {
        if widths.count == 1 { layers = block - 1 }
        widths.append(0)
        hasAttention.append(false)
        continue
      }
      widths[widths.count - 1] = try shape("\(here).0.out_layers.3.weight")[0]
      if let projection = file["\(prefix)\(here).1.proj_in.weight"] {
        hasAttention[widths.count - 1] = true
        isLinear = projection.shape.count == 2
      }
    }
    let context = try shape("middle_block.1.transformer_blocks.0.attn2.to_k.weight").last ?? 0
    guard (isLinear, context) == (false, 768) || (isLinear, context) == (true, 1024),
      widths.allSatisfy({ $0 % 64 == 0 && $0 > 0 })
    else {
      throw .config(
        file: name,
        reason: "its text states have width \(context) and its levels \(widths), which is neither "
          + "Stable Diffusion 1.x nor 2.x; convert it with --base and a folder that has its "
          + "configuration")
    }
    return UNetConfig(
      sampleSize: sampleSize, inChannels: first.count > 1 ? first[1] : 0,
      outChannels: try shape("out.2.weight")[0],
      layersPerBlock: widths.count == 1 ? blocks - 1 : layers, blockOutChannels: widths,
      downBlockTypes: hasAttention.map { $0 ? .crossAttention : .plain },
      upBlockTypes: hasAttention.reversed().map { $0 ? .crossAttention : .plain },
      crossAttentionDim: context,
      attentionHeadDim: isLinear ? .each(widths.map { $0 / 64 }) : .one(8), normNumGroups: 32,
      useLinearProjection: isLinear)
  }

  // MARK: - VAE and text encoder

  private func vae(pictureSize: Int) throws(WeightError) -> VAEConfig {
    let prefix = SingleFileLayout.vaePrefix
    var widths: [Int] = []
    for level in 0..<count(prefix + "encoder.down") {
      widths.append(try shape("\(prefix)encoder.down.\(level).block.0.conv2.weight")[0])
    }
    return VAEConfig(
      sampleSize: pictureSize,
      latentChannels: try shape(prefix + "post_quant_conv.weight")[0],
      layersPerBlock: count(prefix + "encoder.down.0.block"), blockOutChannels: widths,
      normNumGroups: 32, scalingFactor: 0.18215)
  }

  private func text() throws(WeightError) -> CLIPTextConfig {
    let isOpen = hasOpenCLIP
    let prefix = isOpen ? SingleFileLayout.openCLIPPrefix : clipPrefix
    let table = try shape(
      prefix + (isOpen ? "token_embedding.weight" : "embeddings.token_embedding.weight"))
    let positions = try shape(
      prefix + (isOpen ? "positional_embedding" : "embeddings.position_embedding.weight"))
    let layers = count(prefix + (isOpen ? "transformer.resblocks" : "encoder.layers"))
    guard table.count == 2, table[1] % 64 == 0 else {
      throw .config(
        file: name, reason: "its token table has shape \(table); [V, 64 heads] is known")
    }
    return CLIPTextConfig(
      vocabSize: table[0], hiddenSize: table[1], intermediateSize: 4 * table[1],
      // 2.x listens to the last layer but one; files from elsewhere leave the last out.
      numHiddenLayers: isOpen ? min(layers, 23) : layers, numAttentionHeads: table[1] / 64,
      maxPositionEmbeddings: positions[0], hiddenAct: isOpen ? .gelu : .quickGelu,
      bosTokenId: 0, eosTokenId: 2, padTokenId: 1, projectionDim: isOpen ? 512 : table[1])
  }

  func textPlaces(_ keys: [String]) -> TensorPlaces {
    hasOpenCLIP
      ? SingleFileLayout.openCLIP(keys) : SingleFileLayout.clip(keys, prefix: clipPrefix)
  }

  /// Tensors that are neither used nor known to be of no use. open_clip's last layer is: 2.x listens to the
  /// one before.
  func leftovers(used: Set<String>) -> [String] {
    let layers = SingleFileLayout.openCLIPPrefix + "transformer.resblocks."
    let last = "\(layers)\(used.count { $0.hasPrefix(layers) && $0.hasSuffix(".ln_1.weight") })."
    return file.keys.filter {
      !used.contains($0) && !SingleFileLayout.isKnownLeftover($0) && !$0.hasPrefix(last)
    }
  }

  /// Some tools leave `text_model` out.
  var clipPrefix: String {
    let bare = "cond_stage_model.transformer."
    return file[bare + "embeddings.token_embedding.weight"] == nil
      ? SingleFileLayout.clipPrefix : bare
  }

  // MARK: - Names

  private func shape(_ key: String) throws(WeightError) -> [Int] {
    guard let entry = file[key] else { throw .missing(key: key) }
    guard !entry.shape.isEmpty else {
      throw .shapeMismatch(key: key, expected: [1], found: [])
    }
    return entry.shape
  }

  /// How many children `path.0`, `path.1`, ... there are.
  private func count(_ path: String) -> Int {
    let numbers = file.keys.lazy.filter { $0.hasPrefix(path + ".") }
      .compactMap { Int($0.dropFirst(path.count + 1).prefix { $0 != "." }) }
    return (numbers.max() ?? -1) + 1
  }
}
