import Contract

extension TrainingRecipe {
  /// The last door: service and command line have checked before, with better messages.
  func requireUsable() throws(TrainingError) {
    let faults = [
      general, lists, rates, adapters, vectors, objectives,
      exports.filter { !method.exports.contains($0) }.map {
        (
          "exports",
          "\(method.rawValue) is written as \(method.exports.map(\.rawValue)), not \($0.rawValue)"
        )
      },
    ]
    if let (parameter, reason) = faults.joined().first {
      throw .invalidRecipe(parameter: parameter, reason: reason)
    }
  }

  private typealias Fault = (parameter: String, reason: String)

  private func within<Value>(
    _ range: RecipeLimits.Range<Value>, _ value: Value, _ parameter: String
  ) -> [Fault] {
    range.contains(value)
      ? [] : [(parameter, "\(value); \(range.minimum) to \(range.maximum) is possible")]
  }

  private func unless(_ isRight: Bool, _ parameter: String, _ reason: String) -> [Fault] {
    isRight ? [] : [(parameter, reason)]
  }

  private var general: [Fault] {
    let t = training
    return unless(version == 1, "version", "\(version); this build reads version 1")
      + within(RecipeLimits.steps, t.steps, "training/steps")
      + within(RecipeLimits.batchSize, t.batchSize, "training/batch_size")
      + within(
        RecipeLimits.gradientAccumulation, t.gradientAccumulation, "training/gradient_accumulation")
      + within(RecipeLimits.checkpointEvery, t.checkpointEvery, "training/checkpoint_every")
      + within(RecipeLimits.keepCheckpoints, t.keepCheckpoints, "training/keep_checkpoints")
      + (prior.enabled ? within(RecipeLimits.priorImages, prior.images, "prior/images") : [])
      + unless(
        !prior.enabled || method.takesPrior, "prior",
        "\(method.rawValue) changes nothing that a class prompt could lose; switch it off")
      + within(RecipeLimits.subjects, subjects.count, "subjects")
      + unless(subjects.allSatisfy { !$0.classNoun.isEmpty }, "class_noun", "is empty")
      + unless(
        subjects.allSatisfy { !$0.identifier.isEmpty }, "identifier", "is empty; `auto` picks one")
      + unless(
        !samples.prompts.isEmpty && !samples.seeds.isEmpty, "samples", "needs a prompt and a seed")
      + unless(!exports.isEmpty, "exports", "needs a format")
  }

  /// What is there twice would be written twice under one name.
  private var lists: [Fault] {
    distinct(samples.seeds, "samples/seeds") + distinct(samples.prompts, "samples/prompts")
      + distinct(exports, "exports") + distinct(lora.targets, "lora/targets")
  }

  private func distinct<Item: Hashable>(_ items: [Item], _ parameter: String) -> [Fault] {
    var seen: Set<Item> = []
    return items.first { !seen.insert($0).inserted }
      .map { [(parameter, "\($0) is there twice")] } ?? []
  }

  private var rates: [Fault] {
    let own = [
      (embedding.learningRate, "embedding/learning_rate"),
      (textEncoder.learningRate, "text_encoder/learning_rate"),
    ]
    return within(RecipeLimits.learningRate, training.learningRate, "training/learning_rate")
      + own.flatMap { $0 == 0 ? [] : within(RecipeLimits.learningRate, $0, $1) }
      + unless(
        textEncoder.untilStep >= 0, "text_encoder/until_step", "\(textEncoder.untilStep)")
      + unless(
        !trainTextEncoder || method == .dreambooth || method.trainsAdapters, "train_text_encoder",
        "\(method.rawValue) keeps the text encoder's own weights")
  }

  private var adapters: [Fault] {
    guard method.trainsAdapters else { return [] }
    return within(RecipeLimits.rank, lora.rank, "lora/rank")
      + within(RecipeLimits.alpha, lora.alpha, "lora/alpha")
      + within(RecipeLimits.unitInterval, lora.dropout, "lora/dropout")
      + unless(!lora.targets.isEmpty, "lora/targets", "names no layers")
  }

  private var vectors: [Fault] {
    guard method.trainsVectors else { return [] }
    return within(RecipeLimits.vectors, embedding.vectors, "embedding/vectors")
      + within(RecipeLimits.pull, embedding.pull, "embedding/pull")
      + unless(
        embedding.progressiveEvery >= 0, "embedding/progressive_every",
        "\(embedding.progressiveEvery)")
  }

  private var objectives: [Fault] {
    let o = objective
    return
      (o.minSnrGamma.map { within(RecipeLimits.minSnrGamma, $0, "objective/min_snr_gamma") }
      ?? [])
      + within(RecipeLimits.offsetNoise, o.offsetNoise, "objective/offset_noise")
      + within(RecipeLimits.weightOutsideMask, o.unmaskedWeight, "objective/unmasked_weight")
      + within(RecipeLimits.consistencyBeta, o.consistencyBeta, "objective/consistency_beta")
  }
}
