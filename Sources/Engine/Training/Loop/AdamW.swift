import Foundation
package import Tensors

/// AdamW (Loshchilov & Hutter, 1711.05101) on f32 master weights, as torch.optim.AdamW.
///
/// A parameter without a gradient is left alone, moments and decay included.
package final class AdamW {
  package struct Settings: Sendable {
    package var beta1: Float
    package var beta2: Float
    package var epsilon: Float
    package var weightDecay: Float
    package init(
      beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 1e-2
    ) {
      (self.beta1, self.beta2) = (beta1, beta2)
      (self.epsilon, self.weightDecay) = (epsilon, weightDecay)
    }
  }

  package let parameters: ParameterGroup
  package let settings: Settings
  /// First and second moments, one per parameter and of its shape.
  package let m: [Tensor]
  package let v: [Tensor]

  package init(_ parameters: ParameterGroup, _ settings: Settings = Settings()) {
    self.parameters = parameters
    self.settings = settings
    m = parameters.entries.map { Tensor.zeros($0.tensor.shape) }
    v = parameters.entries.map { Tensor.zeros($0.tensor.shape) }
  }

  /// - Parameters:
  ///   - step: update number, counted from 1
  ///   - gradientScale: factor on every gradient, from clipping
  package func update(step: Int, rate: Float, gradientScale: Float) {
    var s = AdamWStep(
      learningRate: rate, beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.epsilon,
      weightDecay: settings.weightDecay, correction1: correction(settings.beta1, step),
      correction2: correction(settings.beta2, step), gradientScale: gradientScale)
    for (i, entry) in parameters.entries.enumerated() {
      guard let gradient = entry.tensor.gradient else { continue }
      s.learningRate = rate * entry.rateFactor
      update(entry.tensor, gradient, m[i], v[i], s)
    }
  }

  private func update(_ p: Tensor, _ gradient: Tensor, _ m: Tensor, _ v: Tensor, _ s: AdamWStep) {
    p.withMutableFloats { p in
      gradient.withFloats { g in
        m.withMutableFloats { m in
          v.withMutableFloats { v in
            guard let p = p.baseAddress, let g = g.baseAddress, let m = m.baseAddress,
              let v = v.baseAddress
            else { return }
            ActiveKernels.current.adamW(p, g, m: m, v: v, count: gradient.count, s)
          }
        }
      }
    }
  }

  /// 1 - beta^step, in double precision.
  private func correction(_ beta: Float, _ step: Int) -> Float {
    Float(1 - pow(Double(beta), Double(step)))
  }
}
