import Foundation
package import Tensors
package import Weights

/// AdamW (Loshchilov & Hutter, 1711.05101) on f32 master weights, as torch.optim.AdamW.
///
/// A parameter without a gradient is left alone, moments and decay included. Moments may be kept in 8 bits.
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

  /// First and second moment of each parameter, in the parameters' order.
  private enum Moments {
    case wide([(m: Tensor, v: Tensor)])
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
    let tensors = parameters.entries.map(\.tensor)
    moments =
      compact.map { .compact(tensors.map { CompactMoments(count: $0.count) }, $0) }
      ?? .wide(tensors.map { (Tensor.zeros($0.shape), Tensor.zeros($0.shape)) })
  }

  /// Changes every parameter that has a gradient.
  /// - Parameters:
  ///   - step: update number, counted from 1
  ///   - gradientScale: factor on every gradient, from clipping
  package func update(step: Int, rate: Float, gradientScale: Float) {
    for (i, entry) in parameters.entries.enumerated() {
      guard let gradient = entry.tensor.gradient else { continue }
      update(i, by: gradient, step: step, rate: rate, gradientScale: gradientScale)
    }
  }

  /// Changes parameter `i` alone.
  package func update(
    _ i: Int, by gradient: Tensor, step: Int, rate: Float, gradientScale: Float
  ) {
    let entry = parameters.entries[i]
    let s = AdamWStep(
      learningRate: rate * entry.rateFactor, beta1: settings.beta1, beta2: settings.beta2,
      epsilon: settings.epsilon, weightDecay: settings.weightDecay,
      correction1: correction(settings.beta1, step), correction2: correction(settings.beta2, step),
      gradientScale: gradientScale)
    let (kernels, count) = (ActiveKernels.current, gradient.count)
    entry.tensor.withMutableFloats { p in
      gradient.withFloats { g in
        guard let p = p.baseAddress, let g = g.baseAddress else { return }
        switch moments {
        case .wide(let pairs):
          pairs[i].m.withMutableFloats { m in
            pairs[i].v.withMutableFloats { v in
              guard let m = m.baseAddress, let v = v.baseAddress else { return }
              kernels.adamW(p, g, m: m, v: v, count: count, s)
            }
          }
        case .compact(let all, let philox):
          kernels.adamW(
            p, g, codes: &all[i].m, &all[i].v, scales: &all[i].scales, count: count, s,
            rounding: philox.draw(.momentRounding, step: step, index: i))
        }
      }
    }
  }

  /// 1 - beta^step, in double precision.
  private func correction(_ beta: Float, _ step: Int) -> Float {
    Float(1 - pow(Double(beta), Double(step)))
  }
}

// MARK: - Checkpoints

extension AdamW {
  /// Adds the moments to a file: `m.KEY` and `v.KEY`, in 8 bits their bytes and `scales.KEY`.
  package func save(to writer: inout SafetensorsWriter) {
    for (i, entry) in parameters.entries.enumerated() {
      switch moments {
      case .wide(let pairs):
        writer.add("m.\(entry.key)", pairs[i].m)
        writer.add("v.\(entry.key)", pairs[i].v)
      case .compact(let all, _):
        writer.add("m.\(entry.key)", bytes: all[i].m)
        writer.add("v.\(entry.key)", bytes: all[i].v)
        writer.add(
          "scales.\(entry.key)", Tensor(all[i].scales, shape: [all[i].scales.count]))
      }
    }
  }

  /// Takes over what `save` wrote.
  package func load(_ file: SafetensorsFile) throws(WeightError) {
    for (i, entry) in parameters.entries.enumerated() {
      switch moments {
      case .wide(let pairs):
        try file.read("m.\(entry.key)", into: pairs[i].m)
        try file.read("v.\(entry.key)", into: pairs[i].v)
      case .compact(let all, _):
        all[i].m = try file.bytes("m.\(entry.key)", count: all[i].m.count)
        all[i].v = try file.bytes("v.\(entry.key)", count: all[i].v.count)
        let scales = Tensor.zeros([all[i].scales.count])
        try file.read("scales.\(entry.key)", into: scales)
        all[i].scales = scales.values
      }
    }
  }
}
