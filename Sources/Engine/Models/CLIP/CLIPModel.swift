package import Tensors
package import Weights

/// Text and picture encoders into one space (Radford et al., 2103.00020).
///
/// Must match `transformers.CLIPModel`; embeddings here are unnormalised, `logits` normalises.
package struct CLIPModel: ModelComponent {
  package static let weightsName = "model"
  package static let allowedLeftovers = [
    "text_model.embeddings.position_ids", "vision_model.embeddings.position_ids",
  ]

  package let config: CLIPConfig
  package let parameters: ParameterList
  package let textModel: CLIPTextModel
  package let visionModel: CLIPVisionModel
  let textProjection: Linear
  let visualProjection: Linear
  /// Logarithm of the inverse temperature, `[]`
  package let logitScale: Tensor

  package init(_ w: WeightScope, config: CLIPConfig) throws(WeightError) {
    textModel = try CLIPTextModel(w / "text_model", config: config.textConfig)
    visionModel = try CLIPVisionModel(w / "vision_model", config: config.visionConfig)
    textProjection = try Linear(
      w / "text_projection", from: config.textConfig.hiddenSize, to: config.projectionDim,
      bias: false)
    visualProjection = try Linear(
      w / "visual_projection", from: config.visionConfig.hiddenSize, to: config.projectionDim,
      bias: false)
    logitScale = try w.tensor(
      "logit_scale", shape: [], initial: .constant(config.logitScaleInitValue))
    self.config = config
    parameters = w.parameters
  }

  /// - Parameter ids: token ids, one row of equal length for each text
  /// - Returns: `[B, P]`
  package func embedText(_ ids: [[Int]]) -> Tensor {
    textProjection(textModel.pooled(textModel(ids), ids: ids))
  }

  /// - Parameter pixels: normalised pictures, `[B, H, W, 3]`
  /// - Returns: `[B, P]`
  package func embedImage(_ pixels: Tensor) -> Tensor { visualProjection(visionModel(pixels)) }

  /// exp(logitScale) * cosine of each text with each picture, `[texts, pictures]`.
  package func logits(text: Tensor, image: Tensor) -> Tensor {
    matmul(l2Normalize(text), l2Normalize(image), transposeB: true).scaled(by: exp(logitScale))
  }
}
