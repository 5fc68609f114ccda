import Foundation
package import Tensors

/// `DPMSolverMultistepScheduler(use_karras_sigmas=True)`: DPM-Solver++ of order 2, midpoint, multistep
/// (Lu et al., 2211.01095, algorithm 2); the first and the last step are of order 1.
///
///     lambda = log(alpha / sigma),  h = lambda' - lambda
///     z' = sigma' / sigma z - alpha' (exp(-h) - 1) (D0 + D1 / 2)
///     D0 = z0,  D1 = (z0 - previous z0) h / previous h
package struct DPMSolver2MSampler: Sampler {
  private let ladder: SigmaLadder
  private var previous: Tensor?

  package init(_ schedule: NoiseSchedule, steps: Int) {
    ladder = SigmaLadder(karras: schedule, steps: steps)
  }

  package var timesteps: [Float] { ladder.timesteps }

  package mutating func step(_ i: Int, _ zt: Tensor, prediction: Tensor, noise: () -> Tensor)
    -> Tensor
  {
    let (here, next) = (Level(ladder.sigmas[i]), Level(ladder.sigmas[i + 1]))
    let z =
      switch ladder.prediction {
      case .epsilon: (zt - here.sigma * prediction) / here.alpha
      case .velocity: here.alpha * zt - here.sigma * prediction
      }
    defer { previous = z }
    let h = next.lambda - here.lambda
    let decay = next.alpha * (exp(-h) - 1)
    let first = zt * (next.sigma / here.sigma) - z * decay
    guard let previous, i + 1 < timesteps.count else { return first }
    let r = (here.lambda - Level(ladder.sigmas[i - 1]).lambda) / h
    return first - (z - previous) * (0.5 * decay / r)
  }

  /// A noise level in the variance-preserving form.
  private struct Level {
    let alpha: Float
    let sigma: Float
    var lambda: Float { log(alpha) - log(sigma) }

    init(_ ratio: Float) {
      alpha = 1 / (ratio * ratio + 1).squareRoot()
      sigma = ratio * alpha
    }
  }
}
