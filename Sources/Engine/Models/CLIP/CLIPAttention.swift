package import Tensors
package import Weights

/// Multi-head self-attention with bias. Must match `transformers` `CLIPAttention`.
package struct CLIPAttention {
  let heads: Int
  let qProj: Linear
  let kProj: Linear
  let vProj: Linear
  let outProj: Linear

  package init(_ w: WeightScope, width: Int, heads: Int) throws(WeightError) {
    self.heads = heads
    qProj = try Linear(w / "q_proj", from: width, to: width)
    kProj = try Linear(w / "k_proj", from: width, to: width)
    vProj = try Linear(w / "v_proj", from: width, to: width)
    outProj = try Linear(w / "out_proj", from: width, to: width)
  }

  /// - Parameters:
  ///   - x: `[B, T, D]`
  ///   - isCausal: position n sees positions up to n
  /// - Returns: `[B, T, D]`
  package func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    outProj(attention(qProj(x), kProj(x), vProj(x), heads: heads, causal: isCausal))
  }
}
