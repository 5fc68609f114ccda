package import Contract
package import Imaging
package import Tensors

/// Prompts to pictures. The denoising loop is a plain iterator that the caller owns, so whoever waits
/// decides after each step whether to go on.
///
///     var denoising = TextToImage.Denoising(model, prompts: ..., sources: ..., settings)
///     while denoising.next() != nil { }
///     let pictures = try denoising.pictures()
package enum TextToImage {
  package struct Settings: Equatable, Sendable {
    /// Pixels.
    package var width: Int
    package var height: Int
    package var sampler: SamplerName
    package var steps: Int
    package var guidance: Float
    package var negativePrompt: String
    package init(
      width: Int, height: Int, sampler: SamplerName, steps: Int, guidance: Float,
      negativePrompt: String = ""
    ) {
      (self.width, self.height, self.sampler) = (width, height, sampler)
      (self.steps, self.guidance, self.negativePrompt) = (steps, guidance, negativePrompt)
    }
  }

  /// How many pictures of this size are drawn side by side: as many as keep the latents small.
  package static func batchSize(latentPositions: Int) -> Int {
    min(max(4096 / latentPositions, 1), 16)
  }

  package struct Denoising: Sequence, IteratorProtocol {
    private let model: StableDiffusion
    private let sources: [PictureSource]
    private let settings: Settings
    private let guidance: Guidance
    private var sampler: any Sampler
    private var step = 0
    /// Latents after the steps done so far, `[B, H, W, C]`
    package private(set) var latents: Tensor

    package var totalSteps: Int { sampler.timesteps.count }

    /// - Parameters:
    ///   - prompts, sources: one per picture
    ///   - start: unit noise to use instead of the sources' own, `[B, H, W, C]`
    package init(
      _ model: StableDiffusion, prompts: [String], sources: [PictureSource], _ settings: Settings,
      start: Tensor? = nil
    ) throws {
      precondition(prompts.count == sources.count, "Denoising: a prompt per source")
      try model.requireSize(width: settings.width, height: settings.height)
      guard (1...model.schedule.stepCount).contains(settings.steps) else {
        throw DiffusionError.invalidRequest(
          parameter: "steps",
          reason: "\(settings.steps); this model's schedule allows 1 to \(model.schedule.stepCount)"
        )
      }
      (self.model, self.sources, self.settings) = (model, sources, settings)
      sampler = makeSampler(settings.sampler, model.schedule, steps: settings.steps)
      guidance = withoutGradients {
        Guidance(
          scale: settings.guidance, positive: model.textStates(prompts),
          negative: model.textStates(prompts.map { _ in settings.negativePrompt }))
      }
      let shape: Shape = [
        1, settings.height / model.pixelsPerLatent, settings.width / model.pixelsPerLatent,
        model.latentChannels,
      ]
      let noise = start ?? concatenated(sources.map { $0.start(shape) }, axis: 0)
      precondition(
        noise.shape == Shape([sources.count] + shape.dims.dropFirst()),
        "Denoising: latents \(noise.shape) for \(sources.count) pictures of \(shape)")
      let sigma = sampler.initialSigma
      latents = withoutGradients { noise * sigma }
    }

    /// One step for all pictures.
    /// - Returns: how many steps are done, or `nil` after the last
    package mutating func next() -> Int? {
      guard step < totalSteps else { return nil }
      let (zt, i, t) = (latents, step, sampler.timesteps[step])
      latents = withoutGradients {
        let prediction = guidance(sampler.input(zt, at: i)) { x, context in
          model.prediction(x, at: Array(repeating: t, count: x.shape[0]), context: context)
        }
        return sampler.step(i, zt, prediction: prediction) { [sources] in
          let shape = Shape([1] + zt.shape.dims.dropFirst())
          return concatenated(sources.map { $0.noise(shape, step: i) }, axis: 0)
        }
      }
      step += 1
      return step
    }

    /// Decodes the latents, one picture at a time.
    /// - Throws: `.nonfinite` with the seed of the picture
    package func pictures() throws(DiffusionError) -> [PixelBuffer] {
      var pictures: [PixelBuffer] = []
      for (i, source) in sources.enumerated() {
        let picture = withoutGradients { model.decode(latents.slice(axis: 0, i..<i + 1)) }
        guard picture.allFinite else {
          throw .nonfinite(what: "the pixels", seed: source.seed, step: step)
        }
        pictures.append(
          PixelBuffer(width: settings.width, height: settings.height, signed: picture.values))
      }
      return pictures
    }
  }
}
