package import Contract
package import Diffusion
package import Tensors

/// When the optimizer sees the gradients of an update.
package enum GradientUse: String, Codable, Sendable {
  /// All exist at once, and are clipped by their own global norm.
  case kept
  /// Each is applied and dropped where the backward pass has finished it, so that no two large ones exist at a time.
  /// Clipping then has to be by the global norm of the update before, and by each gradient's own: docs/NUMERICS.md.
  case applied
}

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
    package var gradients = GradientUse.kept
    package init(
      totalSteps: Int, learningRate: LearningRateSchedule, adam: AdamW.Settings = .init(),
      maxGradientNorm: Float = 1, accumulation: Int = 1, emaDecay: Float? = nil,
      compactMoments: Philox? = nil, gradients: GradientUse = .kept
    ) {
      (self.totalSteps, self.learningRate, self.adam) = (totalSteps, learningRate, adam)
      (self.maxGradientNorm, self.accumulation) = (maxGradientNorm, accumulation)
      (self.emaDecay, self.compactMoments) = (emaDecay, compactMoments)
      self.gradients = gradients
    }
  }

  package let parameters: ParameterGroup
  package let settings: Settings
  package let optimizer: AdamW
  package let average: WeightAverage?
  /// Updates done so far.
  package private(set) var step: Int
  /// Global gradient norm of the update before; what `GradientUse.applied` clips by.
  package var carriedNorm: Float?
  /// Seconds of the last update's parts.
  package private(set) var times = Times()

  package struct Times: Sendable {
    package var forward = 0.0
    package var backward = 0.0
    package var optimizer = 0.0
  }

  private var clipping: GradientClipping { GradientClipping(maxNorm: settings.maxGradientNorm) }

  /// - Parameter step: updates done before; moments, average and norm are then restored by the caller
  package init(_ parameters: ParameterGroup, _ settings: Settings, startingAt step: Int = 0) {
    precondition(
      settings.gradients == .kept || settings.accumulation == 1,
      "Trainer: gradients of \(settings.accumulation) batches are summed, so they must be kept")
    self.parameters = parameters
    self.settings = settings
    self.step = step
    optimizer = AdamW(parameters, settings.adam, compact: settings.compactMoments)
    average = settings.emaDecay.map { WeightAverage(parameters, decay: $0) }
  }

  /// One update. `loss` is asked once per accumulated batch, with the batch's number; for the same number it must say
  /// the same again.
  package func update(loss: (_ batch: Int) throws -> DiffusionLoss.Parts) throws -> StepMetrics {
    let start = ContinuousClock.now
    let number = step + 1
    let rate = settings.learningRate.rate(at: number)
    times = Times()
    parameters.clearGradients()
    parameters.select(step: number)
    let (means, norm) =
      switch settings.gradients {
      case .kept: try updateByKept(number, rate, loss)
      case .applied: try updateByApplied(number, rate, loss)
      }
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

  /// Loss and gradients of one batch.
  private func backward(
    _ batch: Int, _ number: Int, _ loss: (Int) throws -> DiffusionLoss.Parts,
    finished: @escaping (Tensor) -> Void = { _ in }
  ) throws -> DiffusionLoss.Parts {
    var start = ContinuousClock.now
    let parts = try loss(batch)
    guard parts.total.allFinite else {
      throw TrainingError.nonfinite(tensor: "loss", step: number)
    }
    times.forward += seconds(since: start)
    start = .now
    (parts.total / Float(settings.accumulation)).backward(finished: finished)
    times.backward += seconds(since: start)
    return parts
  }

  private func updateByKept(
    _ number: Int, _ rate: Float, _ loss: (Int) throws -> DiffusionLoss.Parts
  ) throws -> (Means, norm: Float) {
    var means = Means()
    for batch in 0..<settings.accumulation {
      means.add(try backward(batch, number, loss), share: 1 / Float(settings.accumulation))
    }
    let start = ContinuousClock.now
    let norm = clipping.norm(of: parameters)
    if !norm.isFinite, let key = parameters.firstNonfinite({ $0.gradient }) {
      throw TrainingError.nonfinite(tensor: "gradient of \(key)", step: number)
    }
    optimizer.update(step: number, rate: rate, gradientScale: clipping.scale(for: norm))
    parameters.clearGradients()
    times.optimizer += seconds(since: start)
    return (means, norm)
  }

  /// The first update knows no norm before it: it takes its gradients twice, once to measure them.
  private func updateByApplied(
    _ number: Int, _ rate: Float, _ loss: (Int) throws -> DiffusionLoss.Parts
  ) throws -> (Means, norm: Float) {
    let carried = try carriedNorm ?? sweep(number, loss) { _, _, _ in }.norm
    let (parts, norm) = try sweep(number, loss) { i, gradient, ownNorm in
      optimizer.update(
        i, by: gradient, step: number, rate: rate,
        gradientScale: min(clipping.scale(for: carried), clipping.scale(for: ownNorm)))
    }
    carriedNorm = norm
    var means = Means()
    means.add(parts, share: 1)
    return (means, norm)
  }

  /// Shows each gradient once, with its norm, and drops it. After one that is not finite no more are shown.
  private func sweep(
    _ number: Int, _ loss: (Int) throws -> DiffusionLoss.Parts,
    _ visit: (_ parameter: Int, _ gradient: Tensor, _ norm: Float) -> Void
  ) throws -> (DiffusionLoss.Parts, norm: Float) {
    let entries = parameters.entries
    let places = Dictionary(
      uniqueKeysWithValues: entries.enumerated().map { (ObjectIdentifier($1.tensor), $0) })
    var squares = entries.map { _ in 0.0 }
    var bad: String?
    let parts = try withoutActuallyEscaping(visit) { visit in
      try backward(0, number, loss) { leaf in
        guard let i = places[ObjectIdentifier(leaf)], let gradient = leaf.gradient else { return }
        let start = ContinuousClock.now
        leaf.gradient = nil
        squares[i] = gradient.sumOfSquares()
        if !squares[i].isFinite { bad = bad ?? entries[i].key }
        if bad == nil { visit(i, gradient, Float(squares[i].squareRoot())) }
        let spent = seconds(since: start)
        self.times.optimizer += spent
        self.times.backward -= spent
      }
    }
    if let bad { throw TrainingError.nonfinite(tensor: "gradient of \(bad)", step: number) }
    return (parts, Float(squares.reduce(0, +).squareRoot()))
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
