package import Tensors

/// `DDPMScheduler` with the fixed small variance: ancestral sampling (Ho et al., 2006.11239, equations 6-7).
///
///     z(t-1) = (sqrt(alphaBar') beta / (1 - alphaBar)) z0
///            + (sqrt(alpha) (1 - alphaBar') / (1 - alphaBar)) zt + sqrt(variance) noise
///     variance = (1 - alphaBar') / (1 - alphaBar) beta,  alpha = alphaBar / alphaBar',  beta = 1 - alpha
package struct DDPMSampler: Sampler {
  private let schedule: NoiseSchedule
  private let visited: [Int]

  package init(_ schedule: NoiseSchedule, steps: Int) {
    self.schedule = schedule
    visited = schedule.timesteps(steps, spacing: schedule.config.timestepSpacing ?? .leading)
  }

  package static var isAncestral: Bool { true }
  package var timesteps: [Float] { visited.map(Float.init) }

  package func step(_ i: Int, _ zt: Tensor, prediction: Tensor, noise: () -> Tensor) -> Tensor {
    let alphaBar = schedule.alphaBars[visited[i]]
    let next: Float = i + 1 < visited.count ? schedule.alphaBars[visited[i + 1]] : 1
    let alpha = alphaBar / next
    let beta = 1 - alpha
    let z = schedule.original(zt, prediction: prediction, alphaBar: alphaBar)
    let mean =
      z * (next.squareRoot() * beta / (1 - alphaBar))
      + zt * (alpha.squareRoot() * (1 - next) / (1 - alphaBar))
    guard visited[i] > 0 else { return mean }
    let variance = max((1 - next) / (1 - alphaBar) * beta, 1e-20)
    return mean + noise() * variance.squareRoot()
  }
}
