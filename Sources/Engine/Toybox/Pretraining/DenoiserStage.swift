import Diffusion
import Foundation
import Imaging
import Models
import Tensors
import Weights

/// Trains the U-Net on cached latents with the text encoder frozen.
///
/// One sample in ten has no caption, so that guidance has something to lead away from. Timesteps are
/// stratified: sample k of a batch of B draws from the k-th B-th of the schedule.
struct DenoiserStage {
  static let name = "denoiser"

  let workshop: StarterWorkshop

  /// - Returns: whether the stage is finished
  func run() throws -> Bool {
    if try workshop.isDone(Self.name) { return true }
    let plan = workshop.plan
    let world = ToyGrammar(seed: plan.seed &+ 2)
    let vae = try AutoencoderKL(
      workshop.ledger(of: AutoencoderStage.name).root, config: plan.sizes.vae(scalingFactor: 1))
    let clip = try CLIPModel(
      workshop.ledger(of: TextImageStage.name(of: .captions)).root, config: plan.sizes.clip)
    let cache = try LatentCache(workshop, vae: vae, world: world)
    let captions = (0..<plan.pictures).map { world.example($0).caption }
    let states = CaptionStates(captions + StarterSheet.prompts + [""], encoder: clip.textModel)
    let unet = try UNet2DConditionModel.random(plan.sizes.unet, seed: plan.seed &+ 2)
    let objective = DiffusionLoss(NoiseSchedule(StarterExport.schedule))
    let sheet = StarterSheet(
      vae: vae, unet: unet, states: states, scalingFactor: cache.scalingFactor,
      schedule: objective.schedule)

    let run = StageRun(name: Self.name, stage: plan.denoiser, workshop: workshop)
    let isFinished = try run.train(unet.parameters) { step in
      let batch = Batch(step, plan: plan, timesteps: objective.schedule.stepCount)
      let z = cache.batch(batch.pictures)
      let noise = batch.noise(z.shape)
      let context = states.batch(
        zip(batch.pictures, batch.isDropped).map { $1 ? "" : captions[$0] })
      let zt = objective.schedule.addNoise(to: z, noise: noise, at: batch.timesteps)
      let prediction = unet(zt, t: batch.timesteps.map(Float.init), context: context)
      return mean(objective.perSample(prediction, of: z, noise: noise, at: batch.timesteps))
    } sample: { step in
      try workshop.show(sheet.draw(seed: plan.seed), as: "\(Self.name)-\(step)")
    }
    if isFinished { try workshop.save(unet.parameters, as: Self.name) }
    return isFinished
  }

  /// What is random in one step.
  private struct Batch {
    let pictures: [Int]
    let timesteps: [Int]
    let isDropped: [Bool]
    private let philox: Philox
    private let step: Int

    init(_ step: Int, plan: StarterPlan, timesteps count: Int) {
      let B = plan.denoiser.batch
      self.step = step
      philox = Philox(seed: plan.seed)
      pictures = philox.draw(.pretrainingData, step: step).integers(count: B, below: plan.pictures)
      let places = philox.draw(.pretrainingData, step: step, index: 1).uniform([B]).values
      timesteps = places.enumerated().map { k, u in
        min(count - 1, Int((Float(k) + u) / Float(B) * Float(count)))
      }
      isDropped = philox.draw(.conditioningDrop, step: step).uniform([B]).values
        .map { $0 < plan.captionDrop }
    }

    func noise(_ shape: Shape) -> Tensor {
      philox.draw(.pretrainingData, step: step, index: 2).normal(shape)
    }
  }
}
