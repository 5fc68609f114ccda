package import Tensors

/// The objective of a denoiser: mean squared distance of prediction and target, one value per sample.
///
///     loss = mean(instance) + lambda * mean(prior)          (DreamBooth, 2208.12242, equation 2, in eps-space)
package struct DiffusionLoss {
  package let schedule: NoiseSchedule
  /// gamma of min-SNR weighting (Hang et al., 2303.09556); nil weighs all timesteps alike.
  package let minSnrGamma: Float?

  package init(_ schedule: NoiseSchedule, minSnrGamma: Float? = nil) {
    (self.schedule, self.minSnrGamma) = (schedule, minSnrGamma)
  }

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
    perSample(prediction, target: target(of: z, noise: noise, at: t), at: t)
  }

  /// - Parameter mask: how much each position counts, `[B, H, W, 1]`; the mean is over what counts
  /// - Returns: one loss per sample, `[B]`
  package func perSample(
    _ prediction: Tensor, target: Tensor, at t: [Int], mask: Tensor? = nil
  ) -> Tensor {
    let B = prediction.shape[0]
    guard let mask else {
      return weighted(meanSquaredErrorPerSample(prediction, target), at: t)
    }
    let squares = (square(prediction - target) * mask).reshaped([B, prediction.count / B])
    let shares = mean(mask.reshaped([B, mask.count / B]), axis: 1)
    return weighted(mean(squares, axis: 1) / shares, at: t)
  }

  /// One weight per sample from its own timestep, instance and class samples alike.
  private func weighted(_ losses: Tensor, at t: [Int]) -> Tensor {
    guard minSnrGamma != nil else { return losses }
    return losses * Tensor(t.map(weight), shape: losses.shape)
  }

  /// min(snr, gamma) / snr for noise, min(snr, gamma) / (snr + 1) for velocity.
  package func weight(at t: Int) -> Float {
    guard let gamma = minSnrGamma else { return 1 }
    let snr = schedule.signalToNoise[t]
    return switch schedule.prediction {
    case .epsilon: min(snr, gamma) / snr
    case .velocity: min(snr, gamma) / (snr + 1)
    }
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
