import Contract
import Diffusion
import Foundation
import Models
import Tensors

extension RunSetup {
  /// How the run keeps within its memory: as its checkpoint says, or chosen now and for good, because clipping depends on
  /// it. Sets the U-Net to it.
  func memoryPlan(_ order: WorkOrder, resuming checkpoint: Checkpoint?) throws -> MemoryPlan {
    let plan =
      try checkpoint.map {
        let file = try $0.file(TrainingState.planFile)
        return try ContractJSON.decoder().decode(MemoryPlan.self, from: Data(contentsOf: file))
      }
      ?? planner(order.recipe).plan(budget: order.memoryBytes ?? MachineMemory.budget)
    model.unet.recomputation = .layers(Set(plan.recomputedLayers))
    return plan
  }

  private func planner(_ recipe: TrainingRecipe) -> MemoryPlanner {
    let (t, side) = (recipe.training, size / model.pixelsPerLatent)
    let hasClassHalf = recipe.prior.enabled && recipe.prior.source != .consistency
    let B = t.batchSize * (hasClassHalf ? 2 : 1)
    let text = model.textEncoder.config
    let layers = withPrecision(t.precision.compute) {
      model.unet.layerMemory(
        Tensor.zeros([B, side, side, model.latentChannels]), t: Array(repeating: 0, count: B),
        context: Tensor.zeros([B, text.maxPositionEmbeddings, text.hiddenSize]))
    }
    let needsBase = recipe.prior.enabled && !recipe.prior.source.hasPictures
    let secondBase = needsBase && !weights.components.isEmpty ? 4 * started.parameters : 0
    return MemoryPlanner(
      weights.parameters, layers, hasCompactMoments: t.moments == .eightBit,
      hasAverage: t.emaDecay != nil, accumulates: t.gradientAccumulation > 1, beside: secondBase)
  }
}
