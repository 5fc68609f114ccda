import Foundation
package import Tensors

/// The forward process `zt = sqrt(alphaBar_t) z + sqrt(1 - alphaBar_t) noise`, t = 0 ..< S.
///
/// Numbers are those of torch in f32, bit for bit, as diffusers' schedulers compute them.
package struct NoiseSchedule: Sendable {
  package let config: SchedulerConfig
  /// `[S]`
  package let betas: [Float]
  /// Cumulative product of 1 - beta, `[S]`
  package let alphaBars: [Float]

  package var prediction: PredictionType { config.prediction }
  package var stepCount: Int { betas.count }

  package init(_ config: SchedulerConfig) {
    self.config = config
    let (start, end, count) = (config.betaStart, config.betaEnd, config.trainSteps)
    let plain =
      switch config.betaSchedule {
      case .linear: linspace(Float(start), Float(end), count: count)
      case .scaledLinear:
        linspace(Float(start.squareRoot()), Float(end.squareRoot()), count: count).map { $0 * $0 }
      case .squaredCosine: squaredCosineBetas(count: count)
      }
    betas = config.zeroTerminalSNR ? rescaledToZeroSNR(plain) : plain
    alphaBars = cumulativeProduct(of: betas)
  }

  /// Standard deviation of the noise over that of the signal, `[S]`
  ///
  /// Pure noise counts as 2^-24 of signal, so that its level is finite, as in diffusers.
  package var sigmas: [Float] {
    alphaBars.map { max($0, 0x1p-24) }.map { ((1 - $0) / $0).squareRoot() }
  }

  /// alphaBar / (1 - alphaBar), `[S]`
  package var signalToNoise: [Float] { alphaBars.map { $0 / (1 - $0) } }

  /// zt = sqrt(alphaBar) z + sqrt(1 - alphaBar) noise
  /// - Parameters:
  ///   - z: latents, `[B, H, W, C]`
  ///   - noise: unit normal, `[B, H, W, C]`
  ///   - t: one timestep per sample, `[B]`
  /// - Returns: noised latents, `[B, H, W, C]`
  package func addNoise(to z: Tensor, noise: Tensor, at t: [Int]) -> Tensor {
    z * perSample(t, z) { $0.squareRoot() } + noise * perSample(t, z) { (1 - $0).squareRoot() }
  }

  /// v = sqrt(alphaBar) noise - sqrt(1 - alphaBar) z; shapes as in `addNoise`
  package func velocity(of z: Tensor, noise: Tensor, at t: [Int]) -> Tensor {
    noise * perSample(t, z) { $0.squareRoot() } - z * perSample(t, z) { (1 - $0).squareRoot() }
  }

  /// f(alphaBar) of each sample's own timestep, `[B, 1, ...]` of the rank of `like`
  private func perSample(_ t: [Int], _ like: Tensor, _ f: (Float) -> Float) -> Tensor {
    precondition(
      t.count == like.shape[0], "NoiseSchedule: \(t.count) timesteps for a batch \(like.shape)")
    let ones = Array(repeating: 1, count: like.shape.rank - 1)
    return Tensor(t.map { f(alphaBars[$0]) }, shape: Shape([t.count] + ones))
  }
}

/// torch.linspace in f32: counted from both ends, one rounding per value.
private func linspace(_ start: Float, _ end: Float, count: Int) -> [Float] {
  let step = (end - start) / Float(count - 1)
  return (0..<count).map { i in
    i < count / 2
      ? start.addingProduct(step, Float(i)) : end.addingProduct(-step, Float(count - 1 - i))
  }
}

/// Product of 1 - beta up to each step.
private func cumulativeProduct(of betas: [Float]) -> [Float] {
  var product = 1.0
  return betas.map { beta in
    product *= Double(1 - beta)
    return Float(product)
  }
}

/// Betas whose last signal is zero while the first stays (Lin et al., 2305.08891, algorithm 1): sqrt(alphaBar) is
/// shifted and stretched.
private func rescaledToZeroSNR(_ betas: [Float]) -> [Float] {
  let roots = cumulativeProduct(of: betas).map { $0.squareRoot() }
  let (first, last) = (roots[0], roots[roots.count - 1])
  let bars = roots.map { root in
    let stretched = (root - last) * (first / (first - last))
    return stretched * stretched
  }
  return bars.indices.map { i in 1 - (i == 0 ? bars[0] : bars[i] / bars[i - 1]) }
}

/// beta_i = min(1 - f(i + 1) / f(i), 0.999), f(t) = cos^2((t / S + 0.008) / 1.008 * pi / 2)
/// (Nichol & Dhariwal, 2102.09672)
private func squaredCosineBetas(count: Int) -> [Float] {
  func f(_ i: Int) -> Double {
    let x = cos((Double(i) / Double(count) + 0.008) / 1.008 * .pi / 2)
    return x * x
  }
  return (0..<count).map { Float(min(1 - f($0 + 1) / f($0), 0.999)) }
}
