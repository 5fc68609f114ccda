package import Contract
package import Diffusion
package import Tensors

/// The step loop's body: gradients of a loss become one update of the weights. It knows nothing of
/// pictures or jobs; what is random comes from the caller's loss.
package final class Trainer {
  package struct Settings: Sendable {
    package var totalSteps: Int
    package var learningRate: LearningRateSchedule
    package var adam: AdamW.Settings
    package var maxGradientNorm: Float
    package var accumulation: Int
    package var emaDecay: Float?
    /// Draws for the rounding of moments in 8 bits; nil keeps them in f32.
    package var compactMoments: Philox?
    package init(
      totalSteps: Int, learningRate: LearningRateSchedule, adam: AdamW.Settings = .init(),
      maxGradientNorm: Float = 1, accumulation: Int = 1, emaDecay: Float? = nil,
      compactMoments: Philox? = nil
    ) {
      (self.totalSteps, self.learningRate, self.adam) = (totalSteps, learningRate, adam)
      (self.maxGradientNorm, self.accumulation) = (maxGradientNorm, accumulation)
      (self.emaDecay, self.compactMoments) = (emaDecay, compactMoments)
    }
  }

  package let parameters: ParameterGroup
  package let settings: Settings
  package let optimizer: AdamW
  package let average: WeightAverage?
  /// Updates done so far.
  package private(set) var step: Int

  /// - Parameter step: updates done before; moments and average are then restored by the caller
  package init(_ parameters: ParameterGroup, _ settings: Settings, startingAt step: Int = 0) {
    self.parameters = parameters
    self.settings = settings
    self.step = step
    optimizer = AdamW(parameters, settings.adam, compact: settings.compactMoments)
    average = settings.emaDecay.map { WeightAverage(parameters, decay: $0) }
  }

  /// One update. `loss` is asked once per accumulated batch, with the batch's number.
  package func update(loss: (_ batch: Int) throws -> DiffusionLoss.Parts) throws -> StepMetrics {
    let start = ContinuousClock.now
    let number = step + 1
    var means = Means()
    parameters.clearGradients()
    parameters.select(step: number)
    for batch in 0..<settings.accumulation {
      let parts = try loss(batch)
      guard parts.total.allFinite else {
        throw TrainingError.nonfinite(tensor: "loss", step: number)
      }
      (parts.total / Float(settings.accumulation)).backward()
      means.add(parts, share: 1 / Float(settings.accumulation))
    }
    let clipping = GradientClipping(maxNorm: settings.maxGradientNorm)
    let norm = clipping.norm(of: parameters)
    if !norm.isFinite, let key = parameters.firstNonfinite({ $0.gradient }) {
      throw TrainingError.nonfinite(tensor: "gradient of \(key)", step: number)
    }
    let rate = settings.learningRate.rate(at: number)
    optimizer.update(step: number, rate: rate, gradientScale: clipping.scale(for: norm))
    parameters.clearGradients()
    if let key = parameters.firstNonfinite({ $0 }) {
      throw TrainingError.nonfinite(tensor: "weight \(key)", step: number)
    }
    average?.update()
    step = number
    return StepMetrics(
      step: number, totalSteps: settings.totalSteps, loss: means.total,
      instanceLoss: means.instance, priorLoss: means.prior, gradientNorm: norm,
      learningRate: rate, seconds: seconds(since: start))
  }

  /// Losses of the accumulated batches, averaged.
  private struct Means {
    var total: Float = 0
    var instance: Float = 0
    var prior: Float?

    mutating func add(_ parts: DiffusionLoss.Parts, share: Float) {
      total += parts.total.item * share
      instance += parts.instance.item * share
      if let part = parts.prior { prior = (prior ?? 0) + part.item * share }
    }
  }
}

func seconds(since start: ContinuousClock.Instant) -> Double {
  let elapsed = (ContinuousClock.now - start).components
  return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
}
