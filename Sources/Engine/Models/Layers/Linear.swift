package import Tensors
package import Weights

/// y = x W^T + b. Must match `torch.nn.Linear`.
package struct Linear {
  /// `[out, in]`
  package let weight: Tensor
  let bias: Tensor?
  let adapter: LowRankAdapter?

  package init(
    _ w: WeightScope, from cIn: Int, to cOut: Int, bias hasBias: Bool = true
  ) throws(WeightError) {
    weight = try w.tensor("weight", shape: [cOut, cIn], initial: .fanIn(cIn))
    bias = hasBias ? try w.tensor("bias", shape: [cOut], initial: .fanIn(cIn)) : nil
    adapter = w.adapter(for: weight)
  }

  /// - Parameter x: `[..., in]`
  /// - Returns: `[..., out]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    guard let adapter, adapter.isActive else { return linear(x, weight, bias: bias) }
    return adapter.applied(
      to: x, weight, bias: bias, base: { linear(x, weight, bias: $0) },
      addition: { linear(linear($0, adapter.down), adapter.up) })
  }
}
