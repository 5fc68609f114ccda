import Tensors
import Weights

/// One AdamW training step, each part timed.
final class BenchStepper {
  private let moments: [(parameter: Tensor, m: Tensor, v: Tensor)]
  private var count = 0

  init(_ parameters: ParameterList) {
    parameters.setTrainable(true)
    moments = parameters.map {
      ($0.tensor, Tensor.zeros($0.tensor.shape), Tensor.zeros($0.tensor.shape))
    }
  }

  /// - Returns: seconds of `forward`, `backward`, `optimiser` and `total`
  func step(_ loss: () -> Tensor) -> [String: Double] {
    let clock = Stopwatch()
    let loss = loss()
    let forward = clock.seconds
    loss.backward()
    let backward = clock.seconds
    count += 1
    for (parameter, m, v) in moments { update(parameter, m, v) }
    let total = clock.seconds
    return [
      "forward": forward, "backward": backward - forward, "optimiser": total - backward,
      "total": total,
    ]
  }

  private func update(_ parameter: Tensor, _ m: Tensor, _ v: Tensor) {
    guard let gradient = parameter.gradient else { return }
    parameter.gradient = nil
    let step = AdamWStep(
      learningRate: 1e-6, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01,
      correction1: 1 - power(0.9, count), correction2: 1 - power(0.999, count), gradientScale: 1)
    parameter.withMutableFloats { p in
      gradient.withFloats { g in
        m.withMutableFloats { m in
          v.withMutableFloats { v in
            guard let p = p.baseAddress, let g = g.baseAddress, let m = m.baseAddress,
              let v = v.baseAddress
            else { return }
            ActiveKernels.current.adamW(p, g, m: m, v: v, count: gradient.count, step)
          }
        }
      }
    }
  }

  private func power(_ base: Float, _ exponent: Int) -> Float {
    (0..<exponent).reduce(1) { product, _ in product * base }
  }
}
