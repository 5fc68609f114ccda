package import Tensors
package import Weights

/// The text encoder of Stable Diffusion (Radford et al., 2103.00020).
///
///     x = tokens + positions; causal layers; final norm
///
/// Must match `transformers.CLIPTextModel`, with and without the `text_model.` prefix in its file.
package struct CLIPTextModel: ModelComponent {
  package static let weightsName = "model"
  package static let allowedLeftovers = [
    "text_model.embeddings.position_ids", "embeddings.position_ids",
  ]

  /// Recent transformers writes no prefix; everything before does, and so do we where no file says.
  package static func scope(in ledger: WeightLedger) -> WeightScope {
    ledger.holds("embeddings.token_embedding.weight") ? ledger.root : ledger.root / "text_model"
  }

  package let config: CLIPTextConfig
  package let parameters: ParameterList
  package let tokenEmbedding: Embedding
  let positionEmbedding: Embedding
  let layers: [CLIPEncoderLayer]
  let finalLayerNorm: LayerNorm
  /// Rows that were learned beside the table (Textual Inversion, 2208.01618), each `[n, D]`; their ids follow the
  /// table's own in this order.
  package var learnedRows: [Tensor] = []

  package init(_ w: WeightScope, config: CLIPTextConfig) throws(WeightError) {
    let width = config.hiddenSize
    tokenEmbedding = try Embedding(
      w / "embeddings.token_embedding", count: config.vocabSize, width: width)
    positionEmbedding = try Embedding(
      w / "embeddings.position_embedding", count: config.maxPositionEmbeddings, width: width)
    var layers: [CLIPEncoderLayer] = []
    for i in 0..<config.numHiddenLayers {
      layers.append(
        try CLIPEncoderLayer(
          w / "encoder.layers" / i, width: width, inner: config.intermediateSize,
          heads: config.numAttentionHeads, activation: config.hiddenAct, eps: config.layerNormEps))
    }
    self.layers = layers
    finalLayerNorm = try LayerNorm(w / "final_layer_norm", width: width, eps: config.layerNormEps)
    self.config = config
    parameters = w.parameters
  }

  /// - Parameter ids: token ids, one row of equal length for each text
  /// - Returns: text states, `[B, T, D]`
  package func callAsFunction(_ ids: [[Int]]) -> Tensor {
    let (B, T) = (ids.count, ids.first?.count ?? 0)
    precondition(
      ids.allSatisfy { $0.count == T } && T <= config.maxPositionEmbeddings,
      "CLIPTextModel: rows of \(ids.map(\.count)) tokens, at most \(config.maxPositionEmbeddings)")
    let positions = positionEmbedding((0..<B).flatMap { _ in 0..<T }, leading: [B, T])
    var x = tokens(ids.flatMap(\.self), leading: [B, T]) + positions
    for layer in layers { x = layer(x, isCausal: true) }
    return finalLayerNorm(x)
  }

  /// A row of the table or a learned one for each id; the table itself is never copied.
  private func tokens(_ ids: [Int], leading: [Int]) -> Tensor {
    let count = config.vocabSize
    guard ids.contains(where: { $0 >= count }) else { return tokenEmbedding(ids, leading: leading) }
    let known = tokenEmbedding(ids.map { $0 < count ? $0 : 0 }, leading: [ids.count])
    return embedding(
      concatenated([known] + learnedRows, axis: 0),
      ids: ids.enumerated().map { $1 < count ? $0 : ids.count + $1 - count }, leading: leading)
  }

  /// The state at each text's end, `[B, D]`.
  package func pooled(_ states: Tensor, ids: [[Int]]) -> Tensor {
    selectRows(states, at: ids.map(endPosition))
  }

  /// The first end token; old configs say 2 and mean the largest id
  /// (https://github.com/huggingface/transformers/pull/24773).
  private func endPosition(_ row: [Int]) -> Int {
    let end =
      config.eosTokenId == 2 ? row.filter { $0 < config.vocabSize }.max() : config.eosTokenId
    return row.firstIndex { $0 == end } ?? 0
  }
}
