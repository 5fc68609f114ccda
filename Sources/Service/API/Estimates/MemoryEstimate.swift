import Contract
import Foundation

/// The most memory that a run holds at a time, from the shapes in the model's files and the recipe:
///
///     peak = program + weights + optimizer + max(encoding, drawing, training, checking an export)
///
/// How training keeps within its budget is planned as the engine plans it.
struct MemoryEstimate: Equatable, Sendable {
  /// What a run is doing when it holds the most.
  enum Phase: String, Codable, Sendable { case encoding, drawing, training, exporting }

  /// Values that are trained.
  let trained: Int
  /// Weights and moments of what is trained.
  let checkpointBytes: Int
  /// Bytes that the run holds in each phase.
  let phases: [Phase: Int]
  /// Layers of the U-Net that are computed twice, in the order of a forward pass; numbers as `MemoryPlan`'s.
  let recomputedLayers: [Int]

  var peak: Int { phases.values.max() ?? 0 }
  /// The phase that decides.
  var peakPhase: Phase { phases.max { $0.value < $1.value }?.key ?? .training }

  /// - Parameters:
  ///   - side: of the training pictures in pixels
  ///   - budget: bytes that the run may hold; 0 tells what it needs at the least
  init(_ recipe: TrainingRecipe, _ model: BaseModelShapes, side: Int, budget: Int) {
    let (changed, added) = (model.changed(by: recipe), model.added(by: recipe))
    let trained = changed + added
    let moments = recipe.training.moments == .eightBit ? 2 : 8
    let optimizer = trained * (moments + (recipe.training.emaDecay == nil ? 0 : 4))
    self.trained = trained
    checkpointBytes = trained * 4 + optimizer

    let latent = side >> model.halvings
    let unet = NetworkWork(.unet, model.unet.shapes, side: latent)
    let encoder = NetworkWork(.encoder, model.vae.shapes, side: side)
    let decoder = NetworkWork(.decoder, model.vae.shapes, side: side)
    let weights =
      4 * (model.values + added) - (recipe.keepsUNetHalf ? 2 * model.unet.matrixValues : 0)
    let held = MemoryPlanner.program + weights + optimizer
    let opensBase = recipe.prior.enabled && !recipe.prior.source.hasPictures && changed > 0
    let plan = MemoryPlanner(
      resident: held + (opensBase ? 4 * model.values : 0),
      gradients: (all: 4 * trained, ofOneLayer: 8 * min(trained, model.unet.largest)),
      layers: unet.layers(
        recipe.learning, recipe.training.precision, samples: recipe.samplesAtATime,
        tokens: model.text.textLength),
      accumulates: recipe.training.gradientAccumulation > 1
    ).plan(budget: budget)
    recomputedLayers = plan.recomputedLayers
    let drawn = 2 * TrainingRecipe.picturesAtATime(latentPositions: latent * latent)
    phases = [
      .encoding: held - optimizer + encoder.passing,
      .drawing: held + max(drawn * unet.passing, decoder.passing),
      .training: plan.expected,
      // Every file is read back into a model opened anew, and both draw a picture.
      .exporting: held + 4 * (model.values + added),
    ]
  }
}

extension TrainingRecipe {
  /// Samples of a forward pass: photos, and as many class samples where the prior has them.
  var samplesAtATime: Int {
    training.batchSize * (prior.enabled && prior.source != .consistency ? 2 : 1)
  }

  /// How many pictures are drawn side by side.
  static func picturesAtATime(latentPositions: Int) -> Int {
    min(max(4096 / max(latentPositions, 1), 1), 16)
  }

  /// What learns inside the U-Net's blocks.
  var learning: BlockWork.Learning {
    switch method {
    case .dreambooth: .weights
    case .lora, .pivotalTuning: .adapters
    case .textualInversion, .customDiffusion: .nothing
    }
  }
}
