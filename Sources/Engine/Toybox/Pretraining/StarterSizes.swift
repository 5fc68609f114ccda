import Models

/// Widths and depths of the starter's networks.
package struct StarterSizes: Codable, Equatable, Sendable {
  package var side = 64
  package var textWidth = 128
  package var textLayers = 2
  package var visionLayers = 3
  package var patch = 8
  package var vaeWidths = [16, 32, 64]
  package var vaeGroups = 8
  package var unetWidths = [64, 96, 128]
  package var unetGroups = 16
  package var heads = 4

  package init() {}

  /// Activations have 1/4 of the picture's side at three levels of widths.
  func vae(scalingFactor: Float) -> VAEConfig {
    VAEConfig(
      sampleSize: side, latentChannels: 4, layersPerBlock: 1, blockOutChannels: vaeWidths,
      normNumGroups: vaeGroups, scalingFactor: scalingFactor)
  }

  /// The widest level has no attention: it is where the positions are most and text helps least.
  var unet: UNetConfig {
    UNetConfig(
      sampleSize: side >> (vaeWidths.count - 1), inChannels: 4, outChannels: 4, layersPerBlock: 1,
      blockOutChannels: unetWidths,
      downBlockTypes: [.plain] + unetWidths.dropFirst().map { _ in .crossAttention },
      upBlockTypes: unetWidths.dropFirst().map { _ in .crossAttention } + [.plain],
      crossAttentionDim: textWidth, attentionHeadDim: .one(heads), normNumGroups: unetGroups,
      useLinearProjection: true)
  }

  var clip: CLIPConfig {
    let vocabulary = StarterTokenizer.tokenizer.vocabulary.count
    let text = CLIPTextConfig(
      vocabSize: vocabulary, hiddenSize: textWidth, intermediateSize: 4 * textWidth,
      numHiddenLayers: textLayers, numAttentionHeads: heads,
      maxPositionEmbeddings: StarterTokenizer.length, hiddenAct: .quickGelu,
      bosTokenId: vocabulary - 2, eosTokenId: vocabulary - 1, padTokenId: vocabulary - 1,
      projectionDim: textWidth)
    let vision = CLIPVisionConfig(
      hiddenSize: textWidth, intermediateSize: 4 * textWidth, numHiddenLayers: visionLayers,
      numAttentionHeads: heads, imageSize: side, patchSize: patch, hiddenAct: .quickGelu)
    return CLIPConfig(textConfig: text, visionConfig: vision, projectionDim: textWidth)
  }
}
