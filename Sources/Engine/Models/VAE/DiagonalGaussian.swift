package import Tensors

/// The encoder's belief about the latents: independent normal distributions.
///
/// Log-variance is clamped to [-30, 20]. Must match `DiagonalGaussianDistribution` of diffusers.
package struct DiagonalGaussian {
  /// `[B, H, W, C]`
  package let mean: Tensor
  /// `[B, H, W, C]`
  package let logvar: Tensor

  /// - Parameter moments: `[B, H, W, 2C]`
  package init(moments: Tensor) {
    let halves = moments.split(axis: -1, parts: 2)
    mean = halves[0]
    logvar = clamp(halves[1], min: -30, max: 20)
  }

  /// mean + exp(logvar / 2) * noise
  /// - Parameter noise: standard normal, `[B, H, W, C]`
  package func sample(noise: Tensor) -> Tensor { mean + exp(logvar * 0.5) * noise }

  /// KL divergence to the standard normal distribution, summed over each sample, `[B]`.
  ///
  ///     1/2 * sum(mean^2 + exp(logvar) - 1 - logvar)
  package var divergence: Tensor {
    let B = mean.shape[0]
    let terms = (square(mean) + exp(logvar) - logvar) - 1
    return sum(terms.reshaped([B, mean.count / B]), axis: 1) * 0.5
  }
}
