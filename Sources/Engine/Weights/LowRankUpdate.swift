package import Tensors

/// What a low-rank adapter does to one layer, apart from any model (2106.09685; 2402.09353 with magnitudes):
///
///     V = W + strength * alpha / rank * up down
///     W' = V, or magnitude * V / |V| with norms over all but the first axis
package struct LowRankUpdate {
  /// `[r, in]`, or `[r, in, kh, kw]`
  package let down: Tensor
  /// `[out, r]`, or `[out, r, 1, 1]`
  package let up: Tensor
  package let alpha: Float
  /// `[out]`
  package let magnitude: Tensor?

  package init(down: Tensor, up: Tensor, alpha: Float, magnitude: Tensor? = nil) {
    (self.down, self.up, self.alpha, self.magnitude) = (down, up, alpha, magnitude)
  }

  package var rank: Int { down.shape[0] }
}

/// Updates by the path of their layer, the component in front, the text encoder without `text_model`:
/// `unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q`, `text_encoder.encoder.layers.0.self_attn.q_proj`.
package typealias LowRankUpdates = [String: LowRankUpdate]
