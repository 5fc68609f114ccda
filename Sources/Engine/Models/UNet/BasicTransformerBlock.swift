package import Tensors
package import Weights

/// Self-attention, cross-attention to the text, feed-forward; each normalised and added.
///
///     x = x + attn1(norm1(x))
///     x = x + attn2(norm2(x), context)
///     x = x + ff(norm3(x))
///
/// Must match `diffusers.models.attention.BasicTransformerBlock`; LayerNorm eps 1e-5.
package struct BasicTransformerBlock {
  let norm1: LayerNorm
  let attn1: Attention
  let norm2: LayerNorm
  let attn2: Attention
  let norm3: LayerNorm
  let ff: FeedForward

  package init(
    _ w: WeightScope, width: Int, context: Int, heads: Int
  ) throws(WeightError) {
    norm1 = try LayerNorm(w / "norm1", width: width, eps: 1e-5)
    attn1 = try Attention(w / "attn1", width: width, context: width, heads: heads)
    norm2 = try LayerNorm(w / "norm2", width: width, eps: 1e-5)
    attn2 = try Attention(w / "attn2", width: width, context: context, heads: heads)
    norm3 = try LayerNorm(w / "norm3", width: width, eps: 1e-5)
    ff = try FeedForward(w / "ff", width: width)
  }

  /// - Parameters:
  ///   - x: positions, `[B, N, D]`
  ///   - context: text states, `[B, T, Dc]`
  /// - Returns: `[B, N, D]`
  package func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor {
    let a = norm1(x)
    let x = x + attn1(a, context: a)
    let y = x + attn2(norm2(x), context: context)
    return y + ff(norm3(y))
  }
}
