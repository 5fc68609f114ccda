package import Tensors

/// Direct Consistency Optimization (Lee et al., 2402.12004): the photos' loss counts only as far as it is better than the
/// frozen base's own, which keeps the tuned model near the base without class pictures.
///
///     loss = -log sigmoid(-beta (loss_tuned - loss_base)), per sample
package struct ConsistencyLoss {
  package let beta: Float

  package init(beta: Float) { self.beta = beta }

  /// - Parameters:
  ///   - tuned: losses of the model in training, `[B]`
  ///   - base: those of the frozen base on the same samples, `[B]`
  /// - Returns: `[B]`
  package func callAsFunction(_ tuned: Tensor, base: Tensor) -> Tensor {
    let x = (tuned - base) * beta
    // softplus(x) = max(x, 0) + log(1 + exp(-|x|)), without overflow on either side. The side is a constant: at 0, where
    // every run begins, the slopes of max and |x| by themselves would cancel to none.
    let isPositive = x.values.map { $0 >= 0 }
    let part = Tensor(isPositive.map { $0 ? 1 : 0 }, shape: x.shape)
    let sign = Tensor(isPositive.map { $0 ? -1 : 1 }, shape: x.shape)
    return x * part + log(exp(x * sign) + 1)
  }
}
