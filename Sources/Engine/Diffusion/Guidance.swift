package import Tensors

/// Classifier-free guidance (Ho & Salimans, 2207.12598), with the negative prompt in the place of the empty one.
///
///     prediction = negative + scale (positive - negative)
///
/// A scale of at most 1 asks the network once, without the negative side.
package struct Guidance {
  package let scale: Float
  /// Text states of prompt and negative prompt, each `[B, T, D]`
  private let positive: Tensor
  private let negative: Tensor

  package init(scale: Float, positive: Tensor, negative: Tensor) {
    precondition(
      positive.shape == negative.shape, "Guidance: \(positive.shape) against \(negative.shape)")
    self.scale = scale
    self.positive = positive
    self.negative = negative
  }

  /// - Parameters:
  ///   - x: latents, `[B, H, W, C]`
  ///   - network: prediction of `[2B, H, W, C]` or `[B, H, W, C]` and as many text states
  /// - Returns: guided prediction, `[B, H, W, C]`
  package func callAsFunction(_ x: Tensor, network: (Tensor, Tensor) -> Tensor) -> Tensor {
    guard scale > 1 else { return network(x, positive) }
    let both = network(
      concatenated([x, x], axis: 0), concatenated([negative, positive], axis: 0)
    ).split(axis: 0, parts: 2)
    return both[0] + scale * (both[1] - both[0])
  }
}
