import ArgumentParser
import Contract
import Diffusion
import Models
import Tensors
import Training
import Weights

/// The training steps that `bench` times: a job's own trainer and optimizer, on random inputs.
extension BenchCommand {
  func full(_ subject: BenchSubject) throws {
    var unet = try subject.unet(.f32)
    unet.recomputesActivations = subject.needsRecomputation
    let given = try BenchInputs(subject, unet.config, size: size, batch: batch)
    let parameters = ParameterGroup(unet.parameters.map { ("unet.\($0.key)", $0.tensor) })
    try train(parameters, given) { unet(given.zt, t: given.t, context: given.context) }
  }

  func lora(_ subject: BenchSubject) throws {
    var recipe = TrainingRecipe(classNoun: "dog")
    (recipe.method, recipe.lora.rank, recipe.lora.targets) = (.lora, 8, [.attention])
    let plan = AdapterTargets.plans(recipe)["unet"]
    var unet = try subject.unet(precision.dtype, adapters: plan)
    unet.recomputesActivations = subject.needsRecomputation
    let given = try BenchInputs(subject, unet.config, size: size, batch: batch)
    let parameters = ParameterGroup((plan?.adapters ?? []).flatMap(\.tensors))
    try train(parameters, given) { unet(given.zt, t: given.t, context: given.context) }
  }

  /// The gradient of one row goes through the U-Net and the text encoder, which both stay as they are.
  func textualInversion(_ subject: BenchSubject) throws {
    var unet = try subject.unet(precision.dtype)
    unet.recomputesActivations = subject.needsRecomputation
    var text = try subject.text(precision.dtype)
    let given = try BenchInputs(subject, unet.config, size: size, batch: batch)
    let word = Philox(seed: 1).draw(.test).normal([1, text.config.hiddenSize]) * 0.02
    text.learnedRows = [word]
    var ids = BenchInputs.ids(text.config, batch: batch)
    for row in ids.indices { ids[row][ids[row].count / 2] = text.config.vocabSize }
    try train(ParameterGroup([("words.new", word)]), given) {
      unet(given.zt, t: given.t, context: text(ids))
    }
  }

  private func train(
    _ parameters: ParameterGroup, _ given: BenchInputs, _ prediction: () -> Tensor
  ) throws {
    var settings = Trainer.Settings(
      totalSteps: steps, learningRate: LearningRateSchedule(rate: 1e-6),
      compactMoments: moments == .eightBit ? Philox(seed: 0) : nil)
    settings.gradients = gradients
    let trainer = Trainer(parameters, settings)
    for _ in 0..<steps {
      let step = try withPrecision(precision.compute) {
        try trainer.update { _ in
          let loss = meanSquaredError(prediction(), given.noise)
          return DiffusionLoss.Parts(total: loss, instance: loss, prior: nil)
        }
      }
      let times = trainer.times
      report(
        given.side,
        [
          "forward": times.forward, "backward": times.backward, "optimiser": times.optimizer,
          "total": step.seconds,
        ])
    }
  }
}

extension GradientUse: ExpressibleByArgument {}
