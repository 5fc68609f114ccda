import Diffusion
import Foundation
import Tensors
import Training
import Weights

/// The loop of one stage: steps, checkpoints, progress. Killed and started again, it goes on from its
/// newest checkpoint and ends with the same bits.
struct StageRun {
  let name: String
  let stage: StarterPlan.Stage
  let workshop: StarterWorkshop

  private static let stateFile = "state.safetensors"

  /// Runs up to the last step, or until the workshop's time is over.
  ///
  /// - Parameters:
  ///   - parameters: of the model in training
  ///   - loss: of update `step`, counted from 1, `[1]`
  ///   - sample: shows what has been learned so far; called with the averaged weights in place
  /// - Returns: whether the last step was reached; the averaged weights are then in place
  func train(
    _ parameters: ParameterList, loss: (_ step: Int) throws -> Tensor,
    sample: (_ step: Int) throws -> Void
  ) throws -> Bool {
    let group = ParameterGroup(parameters.map { ($0.key, $0.tensor) })
    let folder = workshop.checkpoints(of: name)
    let identity = try workshop.identity(of: stage)
    let newest = try Checkpoint.newest(in: folder)
    let trainer = Trainer(group, settings, startingAt: newest?.manifest.step ?? 0)
    let state = StageState(trainer: trainer)
    if let newest {
      try newest.require(identity)
      try state.load(newest.file(Self.stateFile))
      workshop.log("\(name): goes on after step \(trainer.step)")
    } else {
      workshop.log("\(name): \(group.count) parameters, \(stage.steps) steps of \(stage.batch)")
    }
    var meter = StageMeter(name: name, stage: stage)
    var isLast = trainer.step == stage.steps
    while !isLast {
      let number = trainer.step + 1
      let metrics = try trainer.update { _ in
        let value = try loss(number)
        return DiffusionLoss.Parts(total: value, instance: value, prior: nil)
      }
      if let line = meter.add(metrics) { workshop.log(line) }
      if number % stage.sampleEvery == 0 || number == stage.steps {
        try withAverage(of: trainer) { try withoutGradients { try sample(number) } }
      }
      isLast = number == stage.steps || workshop.isOver
      if number % stage.checkpointEvery == 0 || isLast {
        try Checkpoint.write(step: number, identity: identity, in: folder, keep: 2) {
          try state.save(to: $0.appendingPathComponent(Self.stateFile))
        }
      }
    }
    guard trainer.step == stage.steps else { return false }
    state.adoptAverage()
    parameters.setTrainable(false)
    return true
  }

  private func withAverage(of trainer: Trainer, _ body: () throws -> Void) throws {
    if let average = trainer.average { try average.inPlace(body) } else { try body() }
  }

  private var settings: Trainer.Settings {
    Trainer.Settings(
      totalSteps: stage.steps,
      learningRate: LearningRateSchedule(
        rate: stage.learningRate, warmupSteps: stage.warmup, decaySteps: stage.steps),
      adam: AdamW.Settings(beta2: stage.beta2, weightDecay: stage.weightDecay),
      emaDecay: stage.emaDecay)
  }
}
