package import Tensors

/// `EulerAncestralDiscreteScheduler`: an Euler step to a lower level, then noise back up.
///
///     sigmaUp = sqrt(sigma'^2 (sigma^2 - sigma'^2) / sigma^2),  sigmaDown = sqrt(sigma'^2 - sigmaUp^2)
///     x' = x + (sigmaDown - sigma) (x - z0) / sigma + sigmaUp noise
package struct EulerAncestralSampler: Sampler {
  private let ladder: SigmaLadder

  package init(_ schedule: NoiseSchedule, steps: Int) {
    ladder = SigmaLadder(schedule, steps: steps)
  }

  package static var isAncestral: Bool { true }
  package var timesteps: [Float] { ladder.timesteps }
  package var initialSigma: Float { ladder.initialSigma }
  package func input(_ zt: Tensor, at i: Int) -> Tensor { ladder.input(zt, at: i) }

  package func step(_ i: Int, _ zt: Tensor, prediction: Tensor, noise: () -> Tensor) -> Tensor {
    let (sigma, next) = (ladder.sigmas[i], ladder.sigmas[i + 1])
    let (from, to) = (sigma * sigma, next * next)
    let up = (to * (from - to) / from).squareRoot()
    let down = (to - up * up).squareRoot()
    let derivative = (zt - ladder.original(zt, prediction: prediction, at: i)) / sigma
    return zt + derivative * (down - sigma) + noise() * up
  }
}
