import Contract
import Diffusion
import Tensors
import Weights

/// What a step minimises, for every method alike.
///
///     loss = mean |target - unet(zt, t, c)|^2 over the photos + lambda * the same over the class samples
///
/// (DreamBooth, 2208.12242). The class samples' target is their noise, or what the frozen base says of them; with
/// consistency there are none, and the photos' loss is held against the frozen base's (2402.12004).
final class PersonalizationObjective {
  private let model: StableDiffusion
  private let weights: TrainedWeights
  private let recipe: TrainingRecipe
  private let subjects: [PromptTemplates]
  private let loss: DiffusionLoss
  private let states: PromptStates
  private let base: FrozenBase?

  init(
    _ model: StableDiffusion, _ weights: TrainedWeights, _ recipe: TrainingRecipe,
    subjects: [PromptTemplates]
  ) throws {
    (self.model, self.weights, self.recipe) = (model, weights, recipe)
    self.subjects = subjects
    loss = DiffusionLoss(model.schedule, minSnrGamma: recipe.objective.minSnrGamma)
    states = PromptStates(model)
    let needsBase = recipe.prior.enabled && !recipe.prior.source.hasPictures
    base = needsBase ? try FrozenBase(of: model, weights) : nil
  }

  /// - Parameters:
  ///   - step: update number, counted from 0
  ///   - accumulated: number of the batch inside the step
  func callAsFunction(_ batch: Batch, step: Int, accumulated: Int) -> DiffusionLoss.Parts {
    prepare(step, accumulated)
    let zt = model.schedule.addNoise(to: batch.z, noise: batch.noise, at: batch.t)
    let prediction = model.prediction(
      zt, at: batch.t.map(Float.init),
      context: states(batch.texts, learns: weights.textLearns(at: step + 1)))
    let target = loss.target(of: batch.z, noise: batch.noise, at: batch.t)
    var parts: DiffusionLoss.Parts
    if let base, recipe.prior.source == .consistency {
      let said = base.prediction(zt, at: batch.t, texts: batch.texts.map(known))
      let losses = ConsistencyLoss(beta: recipe.objective.consistencyBeta)(
        loss.perSample(prediction, target: target, at: batch.t, mask: batch.mask),
        base: loss.perSample(said, target: target, at: batch.t, mask: batch.mask))
      parts = DiffusionLoss.parts(of: losses, instances: batch.instances, priorWeight: 0)
    } else {
      let wanted = base.map { withPredictions(of: $0, target, zt, batch) } ?? target
      parts = DiffusionLoss.parts(
        of: loss.perSample(prediction, target: wanted, at: batch.t, mask: batch.mask),
        instances: batch.instances, priorWeight: recipe.prior.weight)
    }
    if recipe.embedding.pull > 0, !weights.words.isEmpty {
      let pull = weights.words.map { $0.pull(recipe.embedding.pull) }.reduce(nil) { sum, pull in
        sum.map { $0 + pull } ?? pull
      }
      if let pull {
        parts = .init(total: parts.total + pull, instance: parts.instance, prior: parts.prior)
      }
    }
    return parts
  }

  /// The class half of the targets is what the base predicts.
  private func withPredictions(
    of base: FrozenBase, _ target: Tensor, _ zt: Tensor, _ batch: Batch
  ) -> Tensor {
    let half = batch.instances..<batch.t.count
    let said = base.prediction(
      zt.slice(axis: 0, half).detached(), at: Array(batch.t[half]),
      texts: Array(batch.texts[half]))
    return concatenated([target.slice(axis: 0, 0..<batch.instances), said], axis: 0)
  }

  private func known(_ text: String) -> String {
    weights.words.isEmpty ? text : subjects.reduce(text) { $1.withoutWord($0) }
  }

  /// What a step changes beside the weights: which inputs adapters leave out, how many rows a word has.
  private func prepare(_ step: Int, _ accumulated: Int) {
    let philox = Philox(seed: recipe.training.seed)
    if recipe.lora.dropout > 0 {
      for (i, adapter) in weights.adapters.enumerated() {
        let index = accumulated * weights.adapters.count + i
        adapter.dropout = (recipe.lora.dropout, philox.draw(.dropout, step: step, index: index))
      }
    }
    weights.showWords(of: model, step: step + 1, every: recipe.embedding.progressiveEvery)
  }
}

extension TrainedWeights {
  /// Runs `body` with the model as a user has it after update `step`.
  func asAfter<R>(
    step: Int, _ model: StableDiffusion, _ recipe: TrainingRecipe, _ body: () throws -> R
  ) rethrows -> R {
    showWords(of: model, step: step, every: recipe.embedding.progressiveEvery)
    return try atRest(body)
  }

  /// Lets prompts hold those rows of each word that have joined by update `step`, counted from 1.
  func showWords(of model: StableDiffusion, step: Int, every: Int) {
    for word in words {
      model.shorten(word.word, to: word.count(at: step, every: every), of: word.ids)
    }
  }

  /// No inputs left out.
  private func atRest<R>(_ body: () throws -> R) rethrows -> R {
    let kept = adapters.map(\.dropout)
    for adapter in adapters { adapter.dropout = nil }
    defer { for (adapter, dropout) in zip(adapters, kept) { adapter.dropout = dropout } }
    return try body()
  }
}
