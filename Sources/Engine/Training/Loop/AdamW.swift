import Foundation
package import Tensors

/// AdamW (Loshchilov & Hutter, 1711.05101) on f32 master weights, as torch.optim.AdamW.
///
/// A parameter without a gradient is left alone, moments and decay included. Moments may be kept in 8 bits; they are
/// widened for one parameter at a time.
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

  /// First and second moments of all parameters, each of its parameter's shape.
  private enum Moments {
    case wide(m: [Tensor], v: [Tensor])
    case compact([CompactMoments], Philox)
  }

  package let parameters: ParameterGroup
  package let settings: Settings
  private let moments: Moments

  /// - Parameter compact: keeps the moments in 8 bits, rounded by draws of this generator
  package init(
    _ parameters: ParameterGroup, _ settings: Settings = Settings(), compact: Philox? = nil
  ) {
    self.parameters = parameters
    self.settings = settings
    let zeros = { parameters.entries.map { Tensor.zeros($0.tensor.shape) } }
    moments =
      compact.map {
        .compact(parameters.entries.map { CompactMoments(count: $0.tensor.count) }, $0)
      } ?? .wide(m: zeros(), v: zeros())
  }

  /// The moments as numbers, for a checkpoint.
  package var state: (m: [Tensor], v: [Tensor]) {
    switch moments {
    case .wide(let m, let v): return (m, v)
    case .compact(let compact, _):
      let pairs = zip(parameters.entries, compact).map { entry, kept in
        let (m, v) = (Tensor.zeros(entry.tensor.shape), Tensor.zeros(entry.tensor.shape))
        kept.read(m: m, v: v)
        return (m, v)
      }
      return (pairs.map(\.0), pairs.map(\.1))
    }
  }

  /// Takes over what `state` was, once its tensors hold a checkpoint's values.
  package func restore(_ state: (m: [Tensor], v: [Tensor])) {
    guard case .compact(let compact, _) = moments else { return }
    for (i, kept) in compact.enumerated() {
      kept.write(m: state.m[i], v: state.v[i], rounding: nil)
    }
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
      switch moments {
      case .wide(let m, let v): update(entry.tensor, gradient, m[i], v[i], s)
      case .compact(let compact, let philox):
        let (m, v) = (Tensor.zeros(entry.tensor.shape), Tensor.zeros(entry.tensor.shape))
        compact[i].read(m: m, v: v)
        update(entry.tensor, gradient, m, v, s)
        compact[i].write(
          m: m, v: v, rounding: philox.draw(.momentRounding, step: step, index: i))
      }
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
