package import Tensors

/// The objective of a denoiser: mean squared distance of prediction and target, one value per sample.
///
///     loss = mean(instance) + lambda * mean(prior)          (DreamBooth, 2208.12242, equation 2, in eps-space)
package struct DiffusionLoss {
  package let schedule: NoiseSchedule

  package init(_ schedule: NoiseSchedule) { self.schedule = schedule }

  /// What the network should say: the noise, or the velocity.
  /// - Returns: `[B, H, W, C]`
  package func target(of z: Tensor, noise: Tensor, at t: [Int]) -> Tensor {
    switch schedule.prediction {
    case .epsilon: noise
    case .velocity: schedule.velocity(of: z, noise: noise, at: t)
    }
  }

  /// - Returns: one loss per sample, `[B]`
  package func perSample(_ prediction: Tensor, of z: Tensor, noise: Tensor, at t: [Int]) -> Tensor {
    meanSquaredErrorPerSample(prediction, target(of: z, noise: noise, at: t))
  }

  /// Splits the losses of one batch, instance samples first, into the two terms of the objective.
  /// - Parameters:
  ///   - losses: `[B]`
  ///   - instances: how many of the samples show the subject; the others are class pictures
  package static func parts(of losses: Tensor, instances: Int, priorWeight: Float) -> Parts {
    let batch = losses.shape[0]
    precondition(0 < instances && instances <= batch, "DiffusionLoss: \(instances) of \(batch)")
    let instance = mean(losses.slice(axis: 0, 0..<instances))
    guard instances < batch else { return Parts(total: instance, instance: instance, prior: nil) }
    let prior = mean(losses.slice(axis: 0, instances..<batch))
    return Parts(total: instance + prior * priorWeight, instance: instance, prior: prior)
  }

  /// Each term `[1]`; `total` is what is differentiated.
  package struct Parts {
    package let total: Tensor
    package let instance: Tensor
    package let prior: Tensor?

    package init(total: Tensor, instance: Tensor, prior: Tensor?) {
      (self.total, self.instance, self.prior) = (total, instance, prior)
    }
  }
}
