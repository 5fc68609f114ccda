import Tensors

/// Global gradient norm and the factor that brings it under a limit, as torch.nn.utils.clip_grad_norm_.
package struct GradientClipping: Sendable {
  package let maxNorm: Float

  package init(maxNorm: Float) { self.maxNorm = maxNorm }

  /// sqrt of the sum of squares over all gradients, summed in the order of the keys.
  package func norm(of parameters: ParameterGroup) -> Float {
    Float(
      parameters.entries.reduce(0.0) { $0 + ($1.tensor.gradient?.sumOfSquares() ?? 0) }
        .squareRoot())
  }

  /// min(1, maxNorm / (norm + 1e-6))
  package func scale(for norm: Float) -> Float { min(1, maxNorm / (norm + 1e-6)) }
}
