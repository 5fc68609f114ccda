package import Tensors
package import Weights

/// Multi-head attention of positions over a context, or over themselves.
///
///     y = out(softmax(q(x) k(c)^T / sqrt(d)) v(c))
///
/// Must match `diffusers.models.attention_processor.Attention` without bias on q, k and v.
package struct Attention {
  let heads: Int
  let toQ: Linear
  let toK: Linear
  let toV: Linear
  let toOut: Linear

  /// - Parameter context: width of the context; equal to `width` in self-attention
  package init(
    _ w: WeightScope, width: Int, context: Int, heads: Int
  ) throws(WeightError) {
    self.heads = heads
    toQ = try Linear(w / "to_q", from: width, to: width, bias: false)
    toK = try Linear(w / "to_k", from: context, to: width, bias: false)
    toV = try Linear(w / "to_v", from: context, to: width, bias: false)
    toOut = try Linear(w / "to_out.0", from: width, to: width)
  }

  /// - Parameters:
  ///   - x: positions, `[B, N, D]`
  ///   - context: what they attend to, `[B, T, Dc]`
  /// - Returns: `[B, N, D]`
  package func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor {
    toOut(attention(toQ(x), toK(context), toV(context), heads: heads))
  }
}
