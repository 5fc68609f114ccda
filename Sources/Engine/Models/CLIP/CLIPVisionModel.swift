package import Tensors
package import Weights

/// The picture encoder of CLIP: patches and a class token through transformer layers
/// (Dosovitskiy et al., 2010.11929). Must match `transformers.CLIPVisionModel`.
package struct CLIPVisionModel {
  let classEmbedding: Tensor
  let patchEmbedding: Conv2d
  let positionEmbedding: Embedding
  let preLayerNorm: LayerNorm
  let layers: [CLIPEncoderLayer]
  let postLayerNorm: LayerNorm
  let config: CLIPVisionConfig

  package init(_ w: WeightScope, config: CLIPVisionConfig) throws(WeightError) {
    let width = config.hiddenSize
    classEmbedding = try (w / "embeddings").tensor(
      "class_embedding", shape: [width], initial: .normal(deviation: 0.02))
    patchEmbedding = try Conv2d(
      w / "embeddings.patch_embedding", from: config.numChannels, to: width,
      kernel: config.patchSize, stride: config.patchSize, bias: false)
    positionEmbedding = try Embedding(
      w / "embeddings.position_embedding", count: config.patchCount + 1, width: width)
    // Spelled so in every checkpoint.
    preLayerNorm = try LayerNorm(w / "pre_layrnorm", width: width, eps: config.layerNormEps)
    var layers: [CLIPEncoderLayer] = []
    for i in 0..<config.numHiddenLayers {
      layers.append(
        try CLIPEncoderLayer(
          w / "encoder.layers" / i, width: width, inner: config.intermediateSize,
          heads: config.numAttentionHeads, activation: config.hiddenAct, eps: config.layerNormEps))
    }
    self.layers = layers
    postLayerNorm = try LayerNorm(w / "post_layernorm", width: width, eps: config.layerNormEps)
    self.config = config
  }

  /// - Parameter pixels: normalised picture, `[B, H, W, 3]`
  /// - Returns: state of the class token, `[B, D]`
  package func callAsFunction(_ pixels: Tensor) -> Tensor {
    let (B, H, W, _) = pixels.shape4
    precondition(
      H == config.imageSize && W == config.imageSize,
      "CLIPVisionModel: \(pixels.shape), pictures of side \(config.imageSize) expected")
    let (D, N) = (config.hiddenSize, config.patchCount)
    let patches = patchEmbedding(pixels).reshaped([B, N, D])
    let classes = repeated(classEmbedding.reshaped([1, D]), B)
    let positions = positionEmbedding((0..<B).flatMap { _ in 0...N }, leading: [B, N + 1])
    var x = preLayerNorm(concatenated([classes, patches], axis: 1) + positions)
    for layer in layers { x = layer(x, isCausal: false) }
    return postLayerNorm(selectRows(x, at: Array(repeating: 0, count: B)))
  }

  /// A row for each sample, `[B, 1, D]`.
  private func repeated(_ row: Tensor, _ B: Int) -> Tensor {
    embedding(row, ids: Array(repeating: 0, count: B), leading: [B, 1])
  }
}
