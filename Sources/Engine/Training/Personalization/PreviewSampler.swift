import Contract
import Diffusion
import Foundation
import Imaging
import Weights

/// Pictures at fixed prompts and seeds, so that steps can be compared; step 0 is the base model. Their noise comes from
/// their own seeds, never from the training's draws.
struct PreviewSampler {
  struct Preview {
    let sample: WorkEvent.Sample
    let pixels: PixelBuffer
    /// The prompt without the identifier.
    let text: String
    let subject: Int
  }

  let model: StableDiffusion
  let weights: TrainedWeights
  let baseHash: String
  let recipe: TrainingRecipe
  let subjects: [PromptTemplates]
  /// Side of the pictures, in pixels.
  let size: Int
  /// Attempt folder; the pictures go to `samples` below it.
  let folder: URL

  /// Each prompt of the recipe for each subject: as the model gets it, and without the identifier.
  private var prompts: [(text: String, plain: String, subject: Int)] {
    subjects.enumerated().flatMap { index, subject in
      recipe.samples.prompts.map {
        (subject.filled($0), subject.withoutIdentifier($0), index)
      }
    }
  }

  /// - Parameter onStep: done and total denoising steps of this call
  func draw(step: Int, onStep: (Int, Int) throws -> Void) throws -> [Preview] {
    let settings = TextToImage.Settings(
      width: size, height: size, sampler: recipe.samples.sampler, steps: recipe.samples.steps,
      guidance: recipe.samples.guidance, negativePrompt: recipe.samples.negativePrompt)
    let jobs = prompts.indices.flatMap { i in recipe.samples.seeds.map { (i, $0) } }
    let side = size / model.pixelsPerLatent
    let batch = TextToImage.batchSize(latentPositions: side * side)
    let total = (jobs.count + batch - 1) / batch * settings.steps
    var (done, previews) = (0, [Preview]())
    for first in stride(from: 0, to: jobs.count, by: batch) {
      let part = jobs[first..<min(first + batch, jobs.count)]
      var denoising = try TextToImage.Denoising(
        model, prompts: part.map { prompts[$0.0].text },
        sources: part.map { PictureSource(seed: $0.1) }, settings)
      while denoising.next() != nil {
        done += 1
        try onStep(done, total)
      }
      for (job, pixels) in zip(part, try denoising.pictures()) {
        previews.append(try save(pixels, prompt: job.0, seed: job.1, step: step, settings))
      }
    }
    return previews
  }

  private func save(
    _ pixels: PixelBuffer, prompt: Int, seed: UInt64, step: Int, _ settings: TextToImage.Settings
  ) throws -> Preview {
    let (text, plain, subject) = prompts[prompt]
    let name = "\(Checkpoint.name(step: step))-prompt\(prompt)-seed\(seed).png"
    let metadata = PictureMetadata(
      prompt: text, seed: seed, settings, model: model.folder.lastPathComponent,
      modelHash: baseHash, trainingStep: step)
    let png = Data(try PNGEncoder.encode(pixels, texts: metadata.texts))
    let sample = WorkEvent.Sample(
      step: step, promptIndex: prompt, prompt: text, seed: seed,
      file: "samples/\(name)", width: size, height: size)
    try keep(png, sample)
    return Preview(sample: sample, pixels: pixels, text: plain, subject: subject)
  }

  /// Puts a picture where its event says it is.
  func keep(_ png: Data, _ sample: WorkEvent.Sample) throws {
    let file = folder.appendingPathComponent(sample.file)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try AtomicFile.write(png, to: file)
  }

  /// A preview that an earlier attempt has drawn, from its file.
  func restored(_ sample: WorkEvent.Sample, from file: URL) throws -> Preview {
    try keep(try Data(contentsOf: file), sample)
    let (_, plain, subject) = prompts[sample.promptIndex]
    return Preview(
      sample: sample, pixels: try ImageDecoder.decode(contentsOf: file).picture, text: plain,
      subject: subject)
  }
}
