package import Tensors
package import Weights

/// y = (x - mean) / sqrt(var + eps) * weight + bias over the last axis (Ba et al., 1607.06450).
/// Must match `torch.nn.LayerNorm`.
package struct LayerNorm {
  let weight: Tensor
  let bias: Tensor
  let eps: Float

  package init(_ w: WeightScope, width: Int, eps: Float) throws(WeightError) {
    weight = try w.tensor("weight", shape: [width], initial: .ones)
    bias = try w.tensor("bias", shape: [width], initial: .zeros)
    self.eps = eps
  }

  /// - Parameter x: `[..., D]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    layerNorm(x, weight: weight, bias: bias, eps: eps)
  }
}
