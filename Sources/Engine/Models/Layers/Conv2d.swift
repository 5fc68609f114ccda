package import Tensors
package import Weights

/// Two-dimensional convolution over channels-last pictures. Must match `torch.nn.Conv2d`.
package struct Conv2d {
  /// `[out, in, kh, kw]`
  package let weight: Tensor
  let bias: Tensor?
  let stride: Int
  let padding: Padding
  let adapter: LowRankAdapter?

  package init(
    _ w: WeightScope, from cIn: Int, to cOut: Int, kernel: Int, stride: Int = 1,
    padding: Padding = Padding(0), bias hasBias: Bool = true
  ) throws(WeightError) {
    let fanIn = cIn * kernel * kernel
    weight = try w.tensor("weight", shape: [cOut, cIn, kernel, kernel], initial: .fanIn(fanIn))
    bias = hasBias ? try w.tensor("bias", shape: [cOut], initial: .fanIn(fanIn)) : nil
    self.stride = stride
    self.padding = padding
    adapter = w.adapter(for: weight)
  }

  /// - Parameter x: `[B, H, W, Cin]`
  /// - Returns: `[B, H', W', Cout]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    func convolved(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
      conv2d(x, weight, bias: bias, stride: stride, padding: padding)
    }
    guard let adapter, adapter.isActive else { return convolved(x, weight, bias) }
    return adapter.applied(
      to: x, weight, bias: bias, base: { convolved(x, weight, $0) },
      addition: { conv2d(convolved($0, adapter.down, nil), adapter.up, padding: Padding(0)) })
  }
}
