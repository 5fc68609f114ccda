import Tensors
import Weights

extension LowRankAdapter {
  /// A frozen layer with this adapter.
  ///
  ///     y = W x + b + s up(down(x))
  ///     y = m / |W + s up down| (W x + s up(down(x))) + b       with magnitudes
  ///
  /// - Parameters:
  ///   - base: the layer's own product, with the bias it is given
  ///   - addition: up(down(x))
  func applied(
    to x: Tensor, _ weight: Tensor, bias: Tensor?, base: (Tensor?) -> Tensor,
    addition: (Tensor) -> Tensor
  ) -> Tensor {
    guard let magnitude else { return base(bias) + addition(dropped(x)) * scale }
    let sum = base(nil) + addition(dropped(x)) * scale
    let out = weight.shape[0]
    // A leading axis of 1, because ops do not broadcast the first axis.
    let rows = sum.reshaped([1, sum.count / out, out])
    let scaled = rows * (magnitude / norms(of: weight)).reshaped([1, 1, out])
    return (bias.map { scaled + $0.reshaped([1, 1, out]) } ?? scaled).reshaped(sum.shape)
  }

  /// Each value left out with probability p, the others divided by 1 - p.
  private func dropped(_ x: Tensor) -> Tensor {
    guard let (share, draw) = dropout, share > 0 else { return x }
    let kept = draw.uniform(x.shape).values.map { $0 < share ? 0 : 1 / (1 - share) }
    return x * Tensor(kept, shape: x.shape)
  }
}
