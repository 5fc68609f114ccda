import Contract
import Foundation

/// Seconds of a run's phases: the arithmetic of each, at the rates of this machine.
struct TimeEstimate {
  /// One update.
  var step: Double
  /// By the names that the phases have in events and reports.
  var phases: [WorkEvent.Phase: Double]

  var total: Double { phases.values.reduce(0, +) }

  /// Reading, hashing and converting a model's files, and writing them.
  private static let bytesPerSecond = 0.5e9

  private let recipe: TrainingRecipe
  private let rates: MachineRates
  private let model: BaseModelShapes
  private let memory: MemoryEstimate

  /// - Parameters:
  ///   - memory: of the same run
  ///   - side: of the training pictures in pixels
  ///   - photos: of all subjects
  ///   - measuredStep: of jobs like this one that have run here
  init(
    _ recipe: TrainingRecipe, _ model: BaseModelShapes, _ memory: MemoryEstimate, side: Int,
    photos: Int, _ rates: MachineRates, measuredStep: Double? = nil
  ) {
    (self.recipe, self.model, self.memory, self.rates) = (recipe, model, memory, rates)
    (step, phases) = (0, [:])
    step = measuredStep ?? update(side: side)
    let (training, samples) = (recipe.training, recipe.samples)
    let drawsClass = recipe.prior.enabled && recipe.prior.source == .generate
    let classImages =
      recipe.prior.enabled && recipe.prior.source.hasPictures
      ? recipe.prior.images * (drawsClass ? recipe.subjects.count : 1) : 0
    let encoded = photos * (training.flip ? 2 : 1) + classImages
    let encoder = NetworkWork(.encoder, model.vae.shapes, side: side)
    let previews = samples.prompts.count * samples.seeds.count * recipe.subjects.count
    let times = 1 + (samples.every > 0 ? (training.steps + samples.every - 1) / samples.every : 1)
    let modelBytes = Double(4 * model.values)
    let checkpoints = Double(
      (training.steps + training.checkpointEvery - 1) / training.checkpointEvery)
    phases = [
      .loading: modelBytes / Self.bytesPerSecond,
      .classImages: drawsClass
        ? Double(classImages)
          * picture(side: side, steps: recipe.prior.steps, guidance: recipe.prior.guidance) : 0,
      .caching: Double(encoded) * seconds(encoder.blocks, .forward, .f32),
      .training: Double(training.steps) * step
        + checkpoints * Double(memory.checkpointBytes) / Self.bytesPerSecond,
      .sampling: Double(times * previews)
        * picture(side: side, steps: samples.steps, guidance: samples.guidance),
      .exporting: Double(recipe.exports.count)
        * (modelBytes / Self.bytesPerSecond + 2
          * picture(side: min(side, 256), steps: 4, guidance: 3))
        ,
    ]
  }

  private func update(side: Int) -> Double {
    let (training, latent) = (recipe.training, side >> model.halvings)
    let unet = NetworkWork(.unet, model.unet.shapes, side: latent).blocks
    let pass: MachineRates.Pass = recipe.method == .dreambooth ? .trained : .frozen
    var sample = seconds(unet, pass, training.precision)
    let layers = unet.filter { $0.kind != .other }
    let twice = memory.recomputedLayers.compactMap { $0 < layers.count ? layers[$0] : nil }
    sample += seconds(twice, .forward, training.precision)
    if recipe.prior.enabled, !recipe.prior.source.hasPictures {
      sample += seconds(unet, .forward, training.precision)
    }
    if recipe.trainTextEncoder || recipe.method.trainsVectors { sample += text(pass) }
    let trained = Double(memory.trained)
    let values = training.moments == .f32 ? rates.optimizer : rates.compactOptimizer
    return Double(training.gradientAccumulation * recipe.samplesAtATime) * sample + trained / values
  }

  private func seconds(
    _ blocks: [BlockWork], _ pass: MachineRates.Pass, _ precision: Precision
  ) -> Double {
    blocks.reduce(0) {
      $0 + rates.seconds($1, pass, precision, tokens: model.text.textLength)
    }
  }

  /// The text encoder is a transformer whose positions are tokens.
  private func text(_ pass: MachineRates.Pass) -> Double {
    let layers = model.text.shapes.filter { $0.value.count > 1 && !$0.key.contains("embeddings.") }
    let side = Int(Double(model.text.textLength).squareRoot().rounded(.up))
    return seconds(
      [BlockWork(.transformer, side: side, shapes: layers)], pass, recipe.training.precision)
  }

  /// One picture: two passes a step where there is guidance, and the decoder.
  private func picture(side: Int, steps: Int, guidance: Float) -> Double {
    let unet = NetworkWork(.unet, model.unet.shapes, side: side >> model.halvings)
    let decoder = NetworkWork(.decoder, model.vae.shapes, side: side)
    let precision = recipe.training.precision
    return Double(steps * (guidance == 1 ? 1 : 2)) * seconds(unet.blocks, .forward, precision)
      + seconds(decoder.blocks, .forward, precision)
  }
}
