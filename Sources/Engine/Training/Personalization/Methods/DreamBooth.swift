package import Diffusion
import Models
import Tensors
import Weights

/// DreamBooth (2208.12242): all weights of the U-Net learn "a [V] [class]" from the photos, while the class
/// pictures of the frozen base keep "a [class]" what it was. The text encoder joins if asked.
///
///     loss = mean |target - unet(zt, t, c)|^2 over the photos + lambda * the same over the class pictures
package struct DreamBooth {
  package let parameters: ParameterGroup
  private let model: StableDiffusion
  private let loss: DiffusionLoss
  private let priorWeight: Float
  private let prompts: PromptTemplates
  /// Text states of both prompts while the text encoder is frozen, each `[1, T, D]`.
  private let frozen: [Tensor]?

  package init(
    _ model: StableDiffusion, prompts: PromptTemplates, priorWeight: Float, trainTextEncoder: Bool
  ) {
    (self.model, self.prompts, self.priorWeight) = (model, prompts, priorWeight)
    loss = DiffusionLoss(model.schedule)
    frozen =
      trainTextEncoder
      ? nil
      : withoutGradients { [prompts.instance, prompts.prior].map { model.textStates([$0]) } }
    parameters = Self.parameters(model, trainTextEncoder: trainTextEncoder)
  }

  package static func parameters(_ model: StableDiffusion, trainTextEncoder: Bool)
    -> ParameterGroup
  {
    let unet = model.unet.parameters.map { (key: "unet.\($0.key)", tensor: $0.tensor) }
    let text = model.textEncoder.parameters.map {
      (key: "text_encoder.\($0.key)", tensor: $0.tensor)
    }
    return ParameterGroup(trainTextEncoder ? unet + text : unet)
  }

  package func callAsFunction(_ batch: Batch) -> DiffusionLoss.Parts {
    let zt = model.schedule.addNoise(to: batch.z, noise: batch.noise, at: batch.t)
    let prediction = model.prediction(
      zt, at: batch.t.map(Float.init), context: context(of: batch))
    return DiffusionLoss.parts(
      of: loss.perSample(prediction, of: batch.z, noise: batch.noise, at: batch.t),
      instances: batch.instances, priorWeight: priorWeight)
  }

  /// Each sample's text states, `[B, T, D]`
  private func context(of batch: Batch) -> Tensor {
    let priors = batch.t.count - batch.instances
    let states =
      frozen
      ?? model.textStates(priors > 0 ? [prompts.instance, prompts.prior] : [prompts.instance])
      .split(axis: 0, parts: priors > 0 ? 2 : 1)
    let counts = [batch.instances, priors]
    return concatenated(
      zip(states, counts).flatMap { Array(repeating: $0, count: $1) }, axis: 0)
  }
}
