package import Tensors

/// `DDIMScheduler` with eta 0 (Song et al., 2010.02502, equation 12).
///
///     z(t-1) = sqrt(alphaBar') z0 + sqrt(1 - alphaBar') noisePrediction
package struct DDIMSampler: Sampler {
  private let schedule: NoiseSchedule
  private let visited: [Int]

  package init(_ schedule: NoiseSchedule, steps: Int) {
    self.schedule = schedule
    visited = schedule.timesteps(steps, spacing: schedule.config.timestepSpacing ?? .leading)
  }

  package var timesteps: [Float] { visited.map(Float.init) }

  package func step(_ i: Int, _ zt: Tensor, prediction: Tensor, noise: () -> Tensor) -> Tensor {
    // The level below is one stride down, as in the reference, which is not always the next visited.
    let below = visited[i] - schedule.stepCount / visited.count
    let final = schedule.config.setAlphaToOne ? 1 : schedule.alphaBars[0]
    let next = below >= 0 ? schedule.alphaBars[below] : final
    let alphaBar = schedule.alphaBars[visited[i]]
    let z = schedule.original(zt, prediction: prediction, alphaBar: alphaBar)
    let noisePrediction =
      switch schedule.prediction {
      case .epsilon: prediction
      case .velocity: prediction * alphaBar.squareRoot() + zt * (1 - alphaBar).squareRoot()
      }
    return z * next.squareRoot() + noisePrediction * (1 - next).squareRoot()
  }
}
