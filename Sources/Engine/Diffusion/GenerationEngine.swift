package import Contract
package import Imaging
package import Tensors

/// Runs a generation recipe: one picture per prompt and seed.
package struct GenerationEngine {
  package struct Picture {
    package let promptIndex: Int
    package let seed: UInt64
    package let pixels: PixelBuffer
    /// The picture as a file, with its settings inside.
    package let png: [UInt8]
  }

  private let model: StableDiffusion
  private let name: String
  private let hash: String

  package init(_ model: StableDiffusion, name: String, hash: String) {
    (self.model, self.name, self.hash) = (model, name, hash)
  }

  /// - Parameters:
  ///   - start: unit noise of all pictures, `[B, H, W, C]`, prompts outermost; `nil` draws from the seeds
  ///   - onStep: done and total denoising steps; `false` ends the run
  /// - Returns: whether the run came to its end
  @discardableResult
  package func run(
    _ recipe: GenerationRecipe, start: Tensor? = nil, onStep: (Int, Int) -> Bool,
    onPicture: (Picture) throws -> Void
  ) throws -> Bool {
    let settings = TextToImage.Settings(
      width: recipe.width > 0 ? recipe.width : model.nativeSize,
      height: recipe.height > 0 ? recipe.height : model.nativeSize, sampler: recipe.sampler,
      steps: recipe.steps, guidance: recipe.guidance, negativePrompt: recipe.negativePrompt)
    try model.requireSize(width: settings.width, height: settings.height)
    let jobs = recipe.prompts.indices.flatMap { prompt in recipe.seeds.map { (prompt, $0) } }
    if let start {
      let expected: Shape = [
        jobs.count, settings.height / model.pixelsPerLatent,
        settings.width / model.pixelsPerLatent, model.latentChannels,
      ]
      guard start.shape == expected else {
        throw DiffusionError.invalidRequest(
          parameter: "latents",
          reason:
            "shape \(start.shape) channels-last; \(expected) is needed for \(jobs.count) pictures")
      }
    }
    let batch = TextToImage.batchSize(
      latentPositions: (settings.height / model.pixelsPerLatent)
        * (settings.width / model.pixelsPerLatent))
    let total = (jobs.count + batch - 1) / batch * settings.steps
    var done = 0
    for first in stride(from: 0, to: jobs.count, by: batch) {
      let range = first..<min(first + batch, jobs.count)
      let ended = try withPrecision(recipe.precision.compute) {
        var denoising = try TextToImage.Denoising(
          model, prompts: range.map { recipe.prompts[jobs[$0].0] },
          sources: range.map { PictureSource(seed: jobs[$0].1) }, settings,
          start: start?.slice(axis: 0, range))
        while denoising.next() != nil {
          done += 1
          guard onStep(done, total) else { return false }
        }
        for (i, pixels) in zip(range, try denoising.pictures()) {
          let metadata = PictureMetadata(
            prompt: recipe.prompts[jobs[i].0], seed: jobs[i].1, settings, model: name,
            modelHash: hash)
          try onPicture(
            Picture(
              promptIndex: jobs[i].0, seed: jobs[i].1, pixels: pixels,
              png: try PNGEncoder.encode(pixels, texts: metadata.texts)))
        }
        return true
      }
      guard ended else { return false }
    }
    return true
  }
}

extension Precision {
  package var compute: ComputePrecision {
    switch self {
    case .f32: .f32
    case .bf16: .bf16
    }
  }
}
