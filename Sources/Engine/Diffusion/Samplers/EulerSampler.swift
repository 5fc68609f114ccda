package import Tensors

/// `EulerDiscreteScheduler`: Euler's method on the probability-flow ODE (Karras et al., 2206.00364, algorithm 2
/// without churn).
///
///     x' = x + (sigma' - sigma) (x - z0) / sigma
package struct EulerSampler: Sampler {
  private let ladder: SigmaLadder

  package init(_ schedule: NoiseSchedule, steps: Int) {
    ladder = SigmaLadder(schedule, steps: steps)
  }

  package var timesteps: [Float] { ladder.timesteps }
  package var initialSigma: Float { ladder.initialSigma }
  package func input(_ zt: Tensor, at i: Int) -> Tensor { ladder.input(zt, at: i) }

  package func step(_ i: Int, _ zt: Tensor, prediction: Tensor, noise: () -> Tensor) -> Tensor {
    let (sigma, next) = (ladder.sigmas[i], ladder.sigmas[i + 1])
    let derivative = (zt - ladder.original(zt, prediction: prediction, at: i)) / sigma
    return zt + derivative * (next - sigma)
  }
}
