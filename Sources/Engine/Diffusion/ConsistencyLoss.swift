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
    // softplus(x), without overflow on either side
    return relu(x) + log(exp(-abs(x)) + 1)
  }
}
