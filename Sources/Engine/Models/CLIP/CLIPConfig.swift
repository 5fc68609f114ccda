/// `text_encoder/config.json`.
package struct CLIPTextConfig: ModelConfig {
  package var vocabSize: Int
  package var hiddenSize: Int
  package var intermediateSize: Int
  package var numHiddenLayers: Int
  package var numAttentionHeads: Int
  package var maxPositionEmbeddings: Int
  package var hiddenAct: Activation
  package var layerNormEps: Float
  package var bosTokenId: Int
  package var eosTokenId: Int
  package var padTokenId: Int
  package var projectionDim: Int?

  package init(
    vocabSize: Int, hiddenSize: Int, intermediateSize: Int, numHiddenLayers: Int,
    numAttentionHeads: Int, maxPositionEmbeddings: Int, hiddenAct: Activation, bosTokenId: Int,
    eosTokenId: Int, padTokenId: Int, projectionDim: Int? = nil
  ) {
    (self.vocabSize, self.hiddenSize) = (vocabSize, hiddenSize)
    (self.intermediateSize, self.numHiddenLayers) = (intermediateSize, numHiddenLayers)
    (self.numAttentionHeads, self.hiddenAct) = (numAttentionHeads, hiddenAct)
    (self.maxPositionEmbeddings, layerNormEps) = (maxPositionEmbeddings, 1e-5)
    (self.bosTokenId, self.eosTokenId, self.padTokenId) = (bosTokenId, eosTokenId, padTokenId)
    self.projectionDim = projectionDim
  }
}

/// The `vision_config` of a CLIP model.
package struct CLIPVisionConfig: Codable, Equatable, Sendable {
  package var hiddenSize: Int
  package var intermediateSize: Int
  package var numHiddenLayers: Int
  package var numAttentionHeads: Int
  package var numChannels: Int
  package var imageSize: Int
  package var patchSize: Int
  package var hiddenAct: Activation
  package var layerNormEps: Float

  package init(
    hiddenSize: Int, intermediateSize: Int, numHiddenLayers: Int, numAttentionHeads: Int,
    imageSize: Int, patchSize: Int, hiddenAct: Activation
  ) {
    (self.hiddenSize, self.intermediateSize) = (hiddenSize, intermediateSize)
    (self.numHiddenLayers, self.numAttentionHeads) = (numHiddenLayers, numAttentionHeads)
    (numChannels, self.imageSize, self.patchSize) = (3, imageSize, patchSize)
    (self.hiddenAct, layerNormEps) = (hiddenAct, 1e-5)
  }

  package var patchCount: Int { (imageSize / patchSize) * (imageSize / patchSize) }
}

/// `config.json` of a pair of encoders.
package struct CLIPConfig: ModelConfig {
  package var textConfig: CLIPTextConfig
  package var visionConfig: CLIPVisionConfig
  package var projectionDim: Int
  package var logitScaleInitValue: Float

  package init(textConfig: CLIPTextConfig, visionConfig: CLIPVisionConfig, projectionDim: Int) {
    (self.textConfig, self.visionConfig) = (textConfig, visionConfig)
    self.projectionDim = projectionDim
    // log(1 / 0.07), as in the paper
    logitScaleInitValue = 2.6592
  }
}

// MARK: - What a file may say

extension CLIPTextConfig {
  package static let classField: (key: String, value: JSONValue) = (
    "model_type", .string("clip_text_model")
  )
  package static let fixed: [String: JSONValue] = [
    "architectures": .array([.string("CLIPTextModel")])
  ]
  package static let defaults: [String: JSONValue] = [
    "bos_token_id": .int(0), "eos_token_id": .int(2), "pad_token_id": .int(1),
  ]

  package var contradiction: String? {
    firstFailure([
      (
        [vocabSize, hiddenSize, intermediateSize, numAttentionHeads, maxPositionEmbeddings]
          .allSatisfy { (1...maximumWidth).contains($0) }, "a size is not in 1...\(maximumWidth)"
      ),
      ((1...256).contains(numHiddenLayers), "num_hidden_layers must lie in 1...256"),
      (
        numAttentionHeads > 0 && hiddenSize % numAttentionHeads == 0,
        "hidden_size \(hiddenSize) does not split into \(numAttentionHeads) heads"
      ),
      (layerNormEps > 0 && layerNormEps.isFinite, "layer_norm_eps must be above 0"),
    ])
  }
}

extension CLIPVisionConfig {
  var contradiction: String? {
    firstFailure([
      (
        [hiddenSize, intermediateSize, numAttentionHeads, numChannels, imageSize, patchSize]
          .allSatisfy { (1...maximumWidth).contains($0) },
        "a size of vision_config is not in 1...\(maximumWidth)"
      ),
      ((1...256).contains(numHiddenLayers), "vision_config: num_hidden_layers must lie in 1...256"),
      (
        patchSize > 0 && imageSize % patchSize == 0,
        "vision_config: image_size \(imageSize) is not a multiple of patch_size \(patchSize)"
      ),
      (
        numAttentionHeads > 0 && hiddenSize % numAttentionHeads == 0,
        "vision_config: hidden_size \(hiddenSize) does not split into \(numAttentionHeads) heads"
      ),
      (layerNormEps > 0 && layerNormEps.isFinite, "vision_config: layer_norm_eps must be above 0"),
    ])
  }
}

extension CLIPConfig {
  package static let classField: (key: String, value: JSONValue) = ("model_type", .string("clip"))
  package static let fixed: [String: JSONValue] = [
    "architectures": .array([.string("CLIPModel")])
  ]
  package static let defaults: [String: JSONValue] = ["logit_scale_init_value": .number(2.6592)]

  package var contradiction: String? {
    textConfig.contradiction ?? visionConfig.contradiction
      ?? firstFailure([
        ((1...maximumWidth).contains(projectionDim), "projection_dim must be above 0")
      ])
  }
}

// MARK: - Presets

extension CLIPTextConfig {
  /// https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5/blob/main/text_encoder/config.json
  package static let sd15 = CLIPTextConfig(
    vocabSize: 49408, hiddenSize: 768, intermediateSize: 3072, numHiddenLayers: 12,
    numAttentionHeads: 12, maxPositionEmbeddings: 77, hiddenAct: .quickGelu, bosTokenId: 0,
    eosTokenId: 2, padTokenId: 1, projectionDim: 768)

  /// Beside the U-Net of the planning figures: 14 tokens of width 128, 3 layers.
  package static let small = CLIPTextConfig(
    vocabSize: 512, hiddenSize: 128, intermediateSize: 512, numHiddenLayers: 3,
    numAttentionHeads: 4, maxPositionEmbeddings: 14, hiddenAct: .quickGelu, bosTokenId: 510,
    eosTokenId: 511, padTokenId: 511)

  /// For tests.
  package static let tiny = CLIPTextConfig(
    vocabSize: 64, hiddenSize: 8, intermediateSize: 16, numHiddenLayers: 2, numAttentionHeads: 2,
    maxPositionEmbeddings: 8, hiddenAct: .quickGelu, bosTokenId: 62, eosTokenId: 63, padTokenId: 63)
}
