package import Contract
package import Tensors

/// A way from noise to a picture: which timesteps are visited, and how one leads to the next.
///
/// Each implementation agrees with the diffusers scheduler named in its first doc line.
package protocol Sampler {
  init(_ schedule: NoiseSchedule, steps: Int)
  /// What the network is told, from noise to picture.
  var timesteps: [Float] { get }
  /// Standard deviation of the first latents.
  var initialSigma: Float { get }
  /// Whether `step` asks for noise.
  static var isAncestral: Bool { get }
  /// What the network sees of `zt` at step `i`, `[B, H, W, C]`
  func input(_ zt: Tensor, at i: Int) -> Tensor
  /// - Parameters:
  ///   - zt: latents before step `i`, `[B, H, W, C]`
  ///   - prediction: what the network said of them, `[B, H, W, C]`
  ///   - noise: unit normal of the same shape, asked for at most once
  /// - Returns: latents after step `i`, `[B, H, W, C]`
  mutating func step(_ i: Int, _ zt: Tensor, prediction: Tensor, noise: () -> Tensor) -> Tensor
}

extension Sampler {
  package var initialSigma: Float { 1 }
  package static var isAncestral: Bool { false }
  package func input(_ zt: Tensor, at i: Int) -> Tensor { zt }
}

package func makeSampler(_ name: SamplerName, _ schedule: NoiseSchedule, steps: Int)
  -> any Sampler
{
  switch name {
  case .ddpm: DDPMSampler(schedule, steps: steps)
  case .ddim: DDIMSampler(schedule, steps: steps)
  case .euler: EulerSampler(schedule, steps: steps)
  case .eulerAncestral: EulerAncestralSampler(schedule, steps: steps)
  case .dpmpp2m: DPMSolver2MSampler(schedule, steps: steps)
  }
}

/// Timesteps of the public schedulers (Table 2 of 2305.08891), from noise to picture.
extension NoiseSchedule {
  func timesteps(_ steps: Int, spacing: SchedulerConfig.Spacing) -> [Int] {
    precondition(
      (1...stepCount).contains(steps), "sampler: \(steps) steps of a schedule of \(stepCount)")
    return switch spacing {
    case .leading:
      (0..<steps).reversed().map {
        min($0 * (stepCount / steps) + config.stepsOffset, stepCount - 1)
      }
    case .linspace:
      linspaceTimesteps(steps).map { Int($0.rounded(.toNearestOrEven)) }
    case .trailing:
      trailingTimesteps(steps)
    }
  }

  /// Unrounded `linspace` timesteps, which the sigma samplers use as they are.
  func linspaceTimesteps(_ steps: Int) -> [Double] {
    let span = Double(stepCount - 1)
    return (0..<steps).reversed().map { steps == 1 ? 0 : span * Double($0) / Double(steps - 1) }
  }

  private func trailingTimesteps(_ steps: Int) -> [Int] {
    let ratio = Double(stepCount) / Double(steps)
    return (0..<steps).map {
      Int((Double(stepCount) - Double($0) * ratio).rounded(.toNearestOrEven)) - 1
    }
  }
}

extension NoiseSchedule {
  /// The clean latents that a prediction implies: z of `zt = sqrt(alphaBar) z + sqrt(1 - alphaBar) noise`.
  func original(_ zt: Tensor, prediction output: Tensor, alphaBar: Float) -> Tensor {
    let (signal, noise) = (alphaBar.squareRoot(), (1 - alphaBar).squareRoot())
    let z =
      switch prediction {
      case .epsilon: (zt - noise * output) / signal
      case .velocity: signal * zt - noise * output
      }
    return config.clipSample
      ? clamp(z, min: -config.clipSampleRange, max: config.clipSampleRange) : z
  }
}
