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
  /// `[B]`
  package let texts: [String]
  /// How much each position counts, `[B, H, W, 1]`; nil where all do.
  package let mask: Tensor?
  /// How many samples show the subject.
  package let instances: Int

  package init(
    z: Tensor, noise: Tensor, t: [Int], texts: [String], mask: Tensor? = nil, instances: Int
  ) {
    (self.z, self.noise, self.t, self.texts) = (z, noise, t, texts)
    (self.mask, self.instances) = (mask, instances)
  }
}

/// Which pictures, texts, noise and timesteps a step sees: a function of (seed, step), so nothing is saved.
package struct BatchSource {
  /// What the class samples of a batch are.
  package enum Prior {
    case none
    /// Class pictures of each subject.
    case pictures([LatentCache])
    /// The photos themselves, under the class prompt.
    case photos
  }

  package struct Settings {
    /// Instance samples per batch.
    package var size: Int
    package var accumulation: Int
    /// S, the length of the noise schedule.
    package var timesteps: Int
    /// Strength of noise that is constant over a picture and channel.
    package var offsetNoise: Float
    package init(size: Int, accumulation: Int, timesteps: Int, offsetNoise: Float = 0) {
      (self.size, self.accumulation) = (size, accumulation)
      (self.timesteps, self.offsetNoise) = (timesteps, offsetNoise)
    }
  }

  private let philox: Philox
  private let photos: [InstanceDataset.Photo]
  private let subjects: [PromptTemplates]
  private let instances: LatentCache
  private let mirrored: LatentCache?
  private let prior: Prior
  private let settings: Settings

  /// - Parameters:
  ///   - photos: what is known of each instance picture
  ///   - mirrored: the instances flipped left to right, when a step may show either
  package init(
    seed: UInt64, photos: [InstanceDataset.Photo], subjects: [PromptTemplates],
    instances: LatentCache, mirrored: LatentCache?, prior: Prior, _ settings: Settings
  ) {
    philox = Philox(seed: seed)
    (self.photos, self.subjects, self.settings) = (photos, subjects, settings)
    (self.instances, self.mirrored, self.prior) = (instances, mirrored, prior)
  }

  /// - Parameters:
  ///   - step: update number, counted from 0
  ///   - batch: number of the accumulated batch inside the step
  package func batch(step: Int, batch: Int) -> Batch {
    let samples = (0..<settings.size).map { batch * settings.size + $0 }
    let shown = samples.map { sample in
      let index = pick(.instanceOrder, of: photos.count, step: step, sample: sample)
      let flips = philox.draw(.flip, step: step, index: sample).uniform() < 0.5
      return (photo: photos[index], index: index, isMirrored: flips && mirrored != nil)
    }
    var latents = zip(samples, shown).map { sample, shown in
      (shown.isMirrored ? mirrored ?? instances : instances).sample(
        shown.index, philox.draw(.latentSampling, step: step, index: 2 * sample))
    }
    var texts = zip(samples, shown).map { sample, shown in
      let texts = subjects[shown.photo.subject]
      return shown.photo.caption.map(texts.filled)
        ?? texts.instance(philox.draw(.promptTemplate, step: step, index: sample))
    }
    let shape = latents[0].shape
    var masks = shown.map { $0.photo.mask(isMirrored: $0.isMirrored) }
    var noise = noises(.instanceNoise, offset: .instanceOffset, step, samples, like: shape)
    var t = times(.instanceTimestep, step, samples)

    let priors = classSamples(step, samples, shown.map { ($0.index, $0.photo.subject) })
    if !priors.isEmpty {
      latents += priors
      texts += shown.map { subjects[$0.photo.subject].prior }
      masks += samples.map { _ in nil }
      noise += noises(.priorNoise, offset: .priorOffset, step, samples, like: shape)
      t += times(.priorTimestep, step, samples)
    }
    return Batch(
      z: concatenated(latents, axis: 0), noise: concatenated(noise, axis: 0), t: t, texts: texts,
      mask: joined(masks, like: shape), instances: settings.size)
  }

  /// Latents of the class half, none without a prior.
  private func classSamples(
    _ step: Int, _ samples: [Int], _ shown: [(index: Int, subject: Int)]
  ) -> [Tensor] {
    zip(samples, shown).compactMap { sample, shown in
      let draw = philox.draw(.latentSampling, step: step, index: 2 * sample + 1)
      switch prior {
      case .none: return nil
      case .photos: return instances.sample(shown.index, draw)
      case .pictures(let caches):
        let cache = caches[shown.subject]
        return cache.sample(
          pick(.priorOrder, of: cache.count, step: step, sample: sample), draw)
      }
    }
  }

  /// Pictures come in rounds, each round in an order of its own.
  private func pick(_ purpose: Purpose, of count: Int, step: Int, sample: Int) -> Int {
    let position = step * settings.accumulation * settings.size + sample
    return philox.draw(purpose, step: position / count).permutation(count: count)[position % count]
  }

  private func noises(
    _ purpose: Purpose, offset: Purpose, _ step: Int, _ samples: [Int], like shape: Shape
  ) -> [Tensor] {
    samples.map { sample in
      let noise = philox.draw(purpose, step: step, index: sample).normal(shape)
      guard settings.offsetNoise > 0 else { return noise }
      let level = philox.draw(offset, step: step, index: sample).normal([1, 1, 1, shape[3]])
      return noise + level * settings.offsetNoise
    }
  }

  private func times(_ purpose: Purpose, _ step: Int, _ samples: [Int]) -> [Int] {
    samples.map {
      philox.draw(purpose, step: step, index: $0).integer(below: settings.timesteps)
    }
  }

  /// A sample without a mask counts everywhere.
  private func joined(_ masks: [Tensor?], like shape: Shape) -> Tensor? {
    guard masks.contains(where: { $0 != nil }) else { return nil }
    return concatenated(
      masks.map { $0 ?? Tensor.full([1, shape[1], shape[2], 1], 1) }, axis: 0)
  }
}
