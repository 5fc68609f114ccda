import Foundation
import Tensors

/// Noise levels of the samplers that work on `x = zt / sqrt(alphaBar)`, where the noise has deviation sigma.
struct SigmaLadder: Sendable {
  /// What the network is told, one per step.
  let timesteps: [Float]
  /// Descending; one more than timesteps, the last is 0.
  let sigmas: [Float]
  let prediction: PredictionType
  let initialSigma: Float

  /// Levels of `EulerDiscreteScheduler`: sigma interpolated linearly at the timesteps.
  init(_ schedule: NoiseSchedule, steps: Int) {
    let spacing = schedule.config.timestepSpacing ?? .linspace
    let visited =
      spacing == .linspace
      ? schedule.linspaceTimesteps(steps).map { Double(Float($0)) }
      : schedule.timesteps(steps, spacing: spacing).map(Double.init)
    let levels = schedule.sigmas.map(Double.init)
    timesteps = visited.map(Float.init)
    sigmas = visited.map { Float(interpolate(levels, at: $0)) } + [0]
    prediction = schedule.prediction
    initialSigma = spacing == .leading ? (sigmas[0] * sigmas[0] + 1).squareRoot() : sigmas[0]
  }

  /// Levels of Karras et al., 2206.00364, equation 5, rho 7, between the schedule's own ends.
  init(karras schedule: NoiseSchedule, steps: Int) {
    let rho = 7.0
    let levels = schedule.sigmas.map(Double.init)
    let low = pow(levels[0], 1 / rho)
    let high = pow(levels[levels.count - 1], 1 / rho)
    let ladder = (0..<steps).map { i in
      pow(high + (steps == 1 ? 0 : Double(i) / Double(steps - 1)) * (low - high), rho)
    }
    let logs = schedule.sigmas.map { Double(log($0)) }
    let rounds = schedule.config.betaSchedule != .squaredCosine
    timesteps = ladder.map { sigma in
      let t = position(of: log(sigma), in: logs)
      // The reference stores these timesteps as integers: rounded, or cut for the cosine schedule.
      return Float(rounds ? t.rounded(.toNearestOrEven) : t.rounded(.towardZero))
    }
    sigmas = ladder.map(Float.init) + [0]
    prediction = schedule.prediction
    initialSigma = 1
  }

  /// What the network sees: x / sqrt(sigma^2 + 1)
  func input(_ x: Tensor, at i: Int) -> Tensor {
    x / (sigmas[i] * sigmas[i] + 1).squareRoot()
  }

  /// The clean latents that a prediction implies at level `i`.
  func original(_ x: Tensor, prediction output: Tensor, at i: Int) -> Tensor {
    let sigma = sigmas[i]
    return switch prediction {
    case .epsilon: x - sigma * output
    case .velocity:
      output * (-sigma / (sigma * sigma + 1).squareRoot()) + x / (sigma * sigma + 1)
    }
  }
}

private func interpolate(_ values: [Double], at x: Double) -> Double {
  let below = min(max(Int(x), 0), values.count - 2)
  return values[below] + (values[below + 1] - values[below]) * (x - Double(below))
}

/// Where `value` lies in the ascending `values`, as a fractional index inside its ends.
private func position(of value: Double, in values: [Double]) -> Double {
  let below = min(max((values.firstIndex { $0 > value } ?? values.count) - 1, 0), values.count - 2)
  let w = (value - values[below]) / (values[below + 1] - values[below])
  return Double(below) + min(max(w, 0), 1)
}
