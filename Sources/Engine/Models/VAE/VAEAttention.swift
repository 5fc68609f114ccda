package import Tensors
package import Weights

/// Self-attention with one head over the positions of a picture.
///
///     y = x + out(attention(q(n), k(n), v(n)))        n = norm(x)
///
/// Must match `diffusers.models.attention_processor.Attention` as the VAE builds it: bias everywhere,
/// GroupNorm eps 1e-6.
package struct VAEAttention {
  let groupNorm: GroupNorm
  let toQ: Linear
  let toK: Linear
  let toV: Linear
  let toOut: Linear

  package init(_ w: WeightScope, channels: Int, groups: Int) throws(WeightError) {
    groupNorm = try GroupNorm(w / "group_norm", channels: channels, groups: groups, eps: 1e-6)
    toQ = try Linear(w / "to_q", from: channels, to: channels)
    toK = try Linear(w / "to_k", from: channels, to: channels)
    toV = try Linear(w / "to_v", from: channels, to: channels)
    toOut = try Linear(w / "to_out.0", from: channels, to: channels)
  }

  /// - Parameter x: `[B, H, W, C]`
  /// - Returns: `[B, H, W, C]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    let (B, H, W, C) = x.shape4
    let n = groupNorm(x).reshaped([B, H * W, C])
    let y = toOut(attention(toQ(n), toK(n), toV(n), heads: 1))
    return x + y.reshaped([B, H, W, C])
  }
}
