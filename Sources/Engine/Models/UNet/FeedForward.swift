package import Tensors
package import Weights

/// Gated feed-forward layer (GEGLU, Shazeer, 2002.05202), four times as wide inside.
///
///     [h, gate] = proj(x)        y = out(h * gelu(gate))
///
/// Must match `diffusers.models.attention.FeedForward` with `activation_fn="geglu"`: exact GELU.
package struct FeedForward {
  let proj: Linear
  let out: Linear

  package init(_ w: WeightScope, width: Int) throws(WeightError) {
    proj = try Linear(w / "net.0.proj", from: width, to: 8 * width)
    out = try Linear(w / "net.2", from: 4 * width, to: width)
  }

  /// - Parameter x: `[B, N, D]`
  /// - Returns: `[B, N, D]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    out(geglu(proj(x)))
  }
}
