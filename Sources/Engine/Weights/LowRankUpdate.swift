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

extension LowRankUpdate {
  /// V as a new tensor, `[out, ...]` with all further axes in one; no gradient flows through.
  package func added(to weight: Tensor, strength: Float = 1) -> Tensor {
    withoutGradients {
      let (out, rest) = (weight.shape[0], weight.count / weight.shape[0])
      let product = matmul(
        up.detached().reshaped([out, rank]), down.detached().reshaped([rank, rest]))
      return weight.cast(to: .f32).reshaped([out, rest])
        + product * (strength * alpha / Float(rank))
    }
  }

  /// |V|, `[out]`.
  package static func rowNorms(_ v: Tensor) -> Tensor {
    withoutGradients { sqrt(sum(square(v), axis: 1)) }
  }
}
