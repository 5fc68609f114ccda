package import Tensors

/// One batch of a step: instance samples first, as many class samples behind them when the prior is on,
/// each with its own noise and timestep.
package struct Batch {
  /// Scaled latents, `[B, H, W, C]`
  package let z: Tensor
  /// Unit normal, `[B, H, W, C]`
  package let noise: Tensor
  /// `[B]`
  package let t: [Int]
  /// How many samples show the subject.
  package let instances: Int

  package init(z: Tensor, noise: Tensor, t: [Int], instances: Int) {
    (self.z, self.noise, self.t, self.instances) = (z, noise, t, instances)
  }
}

/// Which pictures, noise and timesteps a step sees: a function of (seed, step), so nothing is saved.
package struct BatchSource {
  private let philox: Philox
  private let instances: LatentCache
  private let mirrored: LatentCache?
  private let priors: LatentCache?
  private let size: Int
  private let accumulation: Int
  private let timesteps: Int

  /// - Parameters:
  ///   - mirrored: the instances flipped left to right, when a step may show either
  ///   - size: instance samples per batch
  ///   - timesteps: S, the length of the noise schedule
  package init(
    seed: UInt64, instances: LatentCache, mirrored: LatentCache?, priors: LatentCache?, size: Int,
    accumulation: Int, timesteps: Int
  ) {
    philox = Philox(seed: seed)
    (self.instances, self.mirrored, self.priors) = (instances, mirrored, priors)
    (self.size, self.accumulation, self.timesteps) = (size, accumulation, timesteps)
  }

  /// - Parameters:
  ///   - step: update number, counted from 0
  ///   - batch: number of the accumulated batch inside the step
  package func batch(step: Int, batch: Int) -> Batch {
    let samples = (0..<size).map { batch * size + $0 }
    var latents = samples.map { sample in
      let flips = philox.draw(.flip, step: step, index: sample).uniform() < 0.5
      return (flips ? mirrored ?? instances : instances).sample(
        pick(.instanceOrder, of: instances.count, step: step, sample: sample),
        philox.draw(.latentSampling, step: step, index: 2 * sample))
    }
    var noise = noises(.instanceNoise, step, samples, like: latents[0].shape)
    var t = times(.instanceTimestep, step, samples)
    if let priors {
      latents += samples.map {
        priors.sample(
          pick(.priorOrder, of: priors.count, step: step, sample: $0),
          philox.draw(.latentSampling, step: step, index: 2 * $0 + 1))
      }
      noise += noises(.priorNoise, step, samples, like: latents[0].shape)
      t += times(.priorTimestep, step, samples)
    }
    return Batch(
      z: concatenated(latents, axis: 0), noise: concatenated(noise, axis: 0), t: t, instances: size)
  }

  /// Pictures come in rounds, each round in an order of its own.
  private func pick(_ purpose: Purpose, of count: Int, step: Int, sample: Int) -> Int {
    let position = step * accumulation * size + sample
    return philox.draw(purpose, step: position / count).permutation(count: count)[position % count]
  }

  private func noises(_ purpose: Purpose, _ step: Int, _ samples: [Int], like shape: Shape)
    -> [Tensor]
  {
    samples.map { philox.draw(purpose, step: step, index: $0).normal(shape) }
  }

  private func times(_ purpose: Purpose, _ step: Int, _ samples: [Int]) -> [Int] {
    samples.map { philox.draw(purpose, step: step, index: $0).integer(below: timesteps) }
  }
}
