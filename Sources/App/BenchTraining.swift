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
    let given = try BenchInputs(subject, unet.config, size: size, batch: batch)
    let parameters = ParameterGroup(unet.parameters.map { ("unet.\($0.key)", $0.tensor) })
    let (settings, plan) = settings(&unet, parameters, given)
    try train(parameters, settings, plan, given.side) {
      meanSquaredError(unet(given.zt, t: given.t, context: given.context), given.noise)
    }
  }

  func lora(_ subject: BenchSubject) throws {
    var recipe = TrainingRecipe(classNoun: "dog")
    (recipe.method, recipe.lora.rank, recipe.lora.targets) = (.lora, 8, [.attention])
    let adapters = AdapterTargets.plans(recipe)["unet"]
    var unet = try subject.unet(precision.dtype, adapters: adapters)
    let given = try BenchInputs(subject, unet.config, size: size, batch: batch)
    let parameters = ParameterGroup((adapters?.adapters ?? []).flatMap(\.tensors))
    let (settings, plan) = settings(&unet, parameters, given)
    try train(parameters, settings, plan, given.side) {
      meanSquaredError(unet(given.zt, t: given.t, context: given.context), given.noise)
    }
  }

  /// The gradient of one row goes through the U-Net and the text encoder, which both stay as they are.
  func textualInversion(_ subject: BenchSubject) throws {
    var unet = try subject.unet(precision.dtype)
    var text = try subject.text(precision.dtype)
    let given = try BenchInputs(subject, unet.config, size: size, batch: batch)
    let word = Philox(seed: 1).draw(.test).normal([1, text.config.hiddenSize]) * 0.02
    text.learnedRows = [word]
    var ids = BenchInputs.ids(text.config, batch: batch)
    for row in ids.indices { ids[row][ids[row].count / 2] = text.config.vocabSize }
    let parameters = ParameterGroup([("words.new", word)])
    let (settings, plan) = settings(&unet, parameters, given)
    try train(parameters, settings, plan, given.side) {
      meanSquaredError(unet(given.zt, t: given.t, context: text(ids)), given.noise)
    }
  }

  /// As a job would, finds the fastest step that fits into `--memory`.
  private func settings(
    _ unet: inout UNet2DConditionModel, _ parameters: ParameterGroup, _ given: BenchInputs
  ) -> (Trainer.Settings, MemoryPlan) {
    let layers = withPrecision(precision.compute) {
      unet.layerMemory(given.zt, t: given.t, context: given.context)
    }
    let isCompact = moments == .eightBit
    let plan = MemoryPlanner(parameters, layers, hasCompactMoments: isCompact)
      .plan(budget: memory.map { Int($0 * 1e9) } ?? MachineMemory.budget)
    unet.recomputation = .layers(Set(plan.recomputedLayers))
    var settings = Trainer.Settings(
      totalSteps: steps, learningRate: LearningRateSchedule(rate: 1e-6),
      compactMoments: isCompact ? Philox(seed: 0) : nil)
    settings.gradients = plan.appliesGradientsAtOnce ? .applied : .kept
    return (settings, plan)
  }

  private func train(
    _ parameters: ParameterGroup, _ settings: Trainer.Settings, _ plan: MemoryPlan, _ side: Int,
    _ loss: () -> Tensor
  ) throws {
    let trainer = Trainer(parameters, settings)
    for _ in 0..<steps {
      let step = try withPrecision(precision.compute) {
        try trainer.update { _ in
          let loss = loss()
          return DiffusionLoss.Parts(total: loss, instance: loss, prior: nil)
        }
      }
      let times = trainer.times
      report(
        side,
        [
          "forward": times.forward, "backward": times.backward, "optimiser": times.optimizer,
          "total": step.seconds,
        ], plan: plan)
    }
  }
}
