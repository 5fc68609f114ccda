package import Tensors
package import Weights

/// One transformer layer, normalised before each branch.
///
///     x = x + attn(norm1(x))
///     x = x + fc2(act(fc1(norm2(x))))
///
/// Must match `transformers` `CLIPEncoderLayer`.
package struct CLIPEncoderLayer {
  let layerNorm1: LayerNorm
  let selfAttn: CLIPAttention
  let layerNorm2: LayerNorm
  let fc1: Linear
  let activation: Activation
  let fc2: Linear

  package init(
    _ w: WeightScope, width: Int, inner: Int, heads: Int, activation: Activation, eps: Float
  ) throws(WeightError) {
    layerNorm1 = try LayerNorm(w / "layer_norm1", width: width, eps: eps)
    selfAttn = try CLIPAttention(w / "self_attn", width: width, heads: heads)
    layerNorm2 = try LayerNorm(w / "layer_norm2", width: width, eps: eps)
    fc1 = try Linear(w / "mlp.fc1", from: width, to: inner)
    self.activation = activation
    fc2 = try Linear(w / "mlp.fc2", from: inner, to: width)
  }

  /// - Parameter x: `[B, T, D]`
  /// - Returns: `[B, T, D]`
  package func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    let x = x + selfAttn(layerNorm1(x), isCausal: isCausal)
    return x + fc2(activation(fc1(layerNorm2(x))))
  }
}
