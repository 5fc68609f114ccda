package import Tensors
package import Weights

/// y = (x - mean) / sqrt(var + eps) * weight + bias over each group of channels (Wu & He,
/// 1803.08494). Must match `torch.nn.GroupNorm`.
package struct GroupNorm {
  let weight: Tensor
  let bias: Tensor
  let groups: Int
  let eps: Float

  package init(
    _ w: WeightScope, channels: Int, groups: Int, eps: Float
  ) throws(WeightError) {
    weight = try w.tensor("weight", shape: [channels], initial: .ones)
    bias = try w.tensor("bias", shape: [channels], initial: .zeros)
    self.groups = groups
    self.eps = eps
  }

  /// - Parameter x: `[B, ..., C]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    groupNorm(x, weight: weight, bias: bias, groups: groups, eps: eps)
  }

  /// silu(self(x)), with fewer passes over memory.
  /// - Parameter x: `[B, ..., C]`
  package func silu(_ x: Tensor) -> Tensor {
    groupNorm(x, weight: weight, bias: bias, groups: groups, eps: eps, thenSilu: true)
  }
}
