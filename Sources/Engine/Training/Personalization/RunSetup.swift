import Contract
import Diffusion
import Evaluation
import Foundation
import Imaging
import Models
import Tensors
import Weights

/// What a run is made of, decided once: models, identifier, sizes, and what a resumed run must find unchanged.
struct RunSetup {
  let model: StableDiffusion
  let clip: CLIPFeatures?
  /// Texts of each subject, in the recipe's order.
  let subjects: [PromptTemplates]
  let weights: TrainedWeights
  /// Side of the training pictures, in pixels.
  let size: Int
  let started: WorkEvent.Started

  init(_ order: WorkOrder, resumedStep: Int) throws {
    let recipe = order.recipe
    try recipe.requireUsable()
    let plans = AdapterTargets.plans(recipe)
    model = try StableDiffusion(
      opening: order.baseModel, adapters: plans, unet: recipe.keepsUNetHalf ? .bf16 : .f32)
    size = recipe.training.resolution > 0 ? recipe.training.resolution : model.nativeSize
    do { try model.requireSize(width: size, height: size) } catch {
      throw TrainingError.invalidRecipe(
        parameter: "training/resolution",
        reason: "\(size) pixels; this base model takes multiples of \(model.sizeMultiple)")
    }
    clip = try order.clipEncoder.map { try CLIPFeatures(opening: $0) }

    let names = try Self.identifiers(recipe, model, continuing: order.initFrom)
    let words =
      recipe.method.trainsVectors ? try LearnedWord.learn(recipe, names, model) : []
    subjects = zip(names, recipe.subjects).map { name, subject in
      PromptTemplates(
        identifier: name, classNoun: subject.classNoun,
        templates: recipe.method.replacesNoun ? recipe.embedding.kind : nil)
    }
    let adapters = ["unet", "text_encoder"].flatMap { plans[$0]?.adapters ?? [] }
    weights = TrainedWeights.of(recipe, model, adapters: adapters, words: words)
    let unet = model.unet.parameters.valueCount
    let text = model.textEncoder.parameters.valueCount
    started = WorkEvent.Started(
      identifier: names[0], identifierTokens: model.tokenizer.tokens(of: names[0]),
      identifierSource: recipe.identifier == "auto" ? "auto" : "user",
      baseHash: try model.hash(), totalSteps: recipe.training.steps, resumedStep: resumedStep,
      parameters: unet + text + model.vae.parameters.valueCount,
      trainedParameters: weights.parameters.count,
      instructionSet: InstructionSet.current.rawValue, threads: ThreadTeam.size)
  }

  /// The word of each subject: a rare token that the tokenizer has, or a new word in angle brackets.
  /// - Parameter first: checkpoint whose words are kept where the recipe leaves the choice
  private static func identifiers(
    _ recipe: TrainingRecipe, _ model: StableDiffusion, continuing first: URL?
  ) throws -> [String] {
    if let first, recipe.subjects.allSatisfy({ $0.identifier == "auto" }),
      let kept = try Checkpoint(opening: first).manifest.identity["identifier"]?.split(
        separator: " "),
      kept.count == recipe.subjects.count
    {
      return kept.map(String.init)
    }
    let picker = IdentifierPicker(model.tokenizer)
    var names: [String] = []
    for (index, subject) in recipe.subjects.enumerated() {
      let name: String
      if recipe.method.trainsVectors {
        name = word(subject, index)
      } else if subject.identifier != "auto" {
        name = subject.identifier
      } else if let choice = picker.pick(
        classNoun: subject.classNoun, seed: recipe.training.seed + UInt64(index))
      {
        name = choice.text
      } else {
        throw TrainingError.invalidRecipe(
          parameter: "identifier",
          reason: "no rare token of this tokenizer stands before \"\(subject.classNoun)\" "
            + "unchanged; name one")
      }
      if subject.identifier != "auto",
        let fault = TextCheck(model.tokenizer).fault(
          ofIdentifier: name, isNew: recipe.method.trainsVectors)
      {
        throw TrainingError.invalidRecipe(parameter: "identifier", reason: fault)
      }
      guard !names.contains(name) else {
        throw TrainingError.invalidRecipe(
          parameter: "identifier", reason: "\"\(name)\" stands for two subjects; each needs its own"
        )
      }
      names.append(name)
    }
    return names
  }

  /// `<toby>`, from `toby`, `<Toby>`, or what the subject is.
  private static func word(_ subject: TrainingRecipe.Subject, _ index: Int) -> String {
    guard subject.identifier == "auto" else {
      return "<\(subject.identifier.lowercased().trimmingCharacters(in: ["<", ">"]))>"
    }
    let noun = subject.classNoun.lowercased().replacing(" ", with: "-")
    return index == 0 ? "<my-\(noun)>" : "<my-\(noun)-\(index + 1)>"
  }

  /// The schedule that the run trains on; the base's own unless the recipe chooses.
  func schedule(_ recipe: TrainingRecipe) throws -> NoiseSchedule {
    var config = model.schedule.config
    switch recipe.objective.prediction {
    case .model: break
    case .epsilon: config.prediction = .epsilon
    case .velocity: config.prediction = .velocity
    }
    if recipe.objective.zeroTerminalSnr {
      guard config.prediction == .velocity else {
        throw TrainingError.invalidRecipe(
          parameter: "objective/zero_terminal_snr",
          reason: "a network that predicts noise learns nothing from pure noise; choose "
            + "prediction v_prediction with it")
      }
      config.zeroTerminalSNR = true
      config.timestepSpacing = .trailing
    }
    if config.prediction != model.schedule.prediction, recipe.prior.enabled,
      !recipe.prior.source.hasPictures
    {
      throw TrainingError.invalidRecipe(
        parameter: "prior/source",
        reason: "\(recipe.prior.source.rawValue) asks the base, whose prediction is another kind; "
          + "keep the model's prediction, or use class pictures")
    }
    return NoiseSchedule(config)
  }

  func identity(photos: String, classImages: String, firstWeights: String?)
    -> Checkpoint.Identity
  {
    [
      "base model": started.baseHash, "build": EngineBuild.version, "class images": classImages,
      "first weights": firstWeights ?? "base",
      "identifier": subjects.map(\.identifier).joined(separator: " "),
      "instruction set": started.instructionSet,
      "photos": photos,
    ]
  }

  func photos(_ order: WorkOrder) throws -> InstanceDataset {
    let photos = try InstanceDataset(
      order.images, side: size, pixelsPerLatent: model.pixelsPerLatent,
      unmaskedWeight: order.recipe.objective.unmaskedWeight)
    for (index, subject) in subjects.enumerated()
    where !photos.photos.contains(where: { $0.subject == index }) {
      throw TrainingError.unusableImage(
        id: "-", reason: "there is none of the \(subject.classNoun) (subject \(index))")
    }
    guard photos.photos.allSatisfy({ subjects.indices.contains($0.subject) }) else {
      throw TrainingError.invalidRecipe(
        parameter: "subjects", reason: "a picture shows a subject that the recipe does not have")
    }
    return photos
  }

  /// The user's own class pictures, cut like the photos, for each subject.
  func uploadedClassImages(_ order: WorkOrder) throws
    -> [(pictures: [PixelBuffer], hash: String)]
  {
    try subjects.enumerated().map { index, subject in
      let own = (order.classImages ?? []).filter { ($0.subject ?? 0) == index }
      guard !own.isEmpty else {
        throw TrainingError.invalidRecipe(
          parameter: "prior/source",
          reason: "uploaded, but there are no class pictures of a \(subject.classNoun)")
      }
      let dataset = try InstanceDataset(own, side: size)
      return (dataset.pictures, try dataset.hash(own))
    }
  }

  func priorSettings(_ recipe: TrainingRecipe, _ subject: PromptTemplates)
    -> PriorDataset.Settings
  {
    PriorDataset.Settings(
      baseHash: started.baseHash, prompt: subject.prior, sampler: recipe.prior.sampler,
      steps: recipe.prior.steps, guidance: recipe.prior.guidance, size: size,
      precision: recipe.training.precision)
  }

  func priorDrawing(_ recipe: TrainingRecipe) -> TextToImage.Settings {
    TextToImage.Settings(
      width: size, height: size, sampler: recipe.prior.sampler, steps: recipe.prior.steps,
      guidance: recipe.prior.guidance)
  }

  func sampler(_ order: WorkOrder) -> PreviewSampler {
    PreviewSampler(
      model: model, weights: weights, baseHash: started.baseHash, recipe: order.recipe,
      subjects: subjects,
      size: size,
      folder: order.attemptFolder)
  }

  /// What becomes of the run, one artifact per format.
  func export(_ order: WorkOrder) throws -> [WorkEvent.Artifact] {
    let updates = weights.adapters.map { ($0.path, $0.update) }
    let result = TunedResult(
      model: model, trained: weights.components,
      adapters: Dictionary(uniqueKeysWithValues: updates),
      embeddings: weights.words.map { word in
        // Rows that no step has reached are no part of the word.
        let t = (steps: order.recipe.training.steps, every: order.recipe.embedding.progressiveEvery)
        let count = word.count(at: t.steps, every: t.every)
        return LearnedEmbedding(
          token: word.word, vectors: word.rows.detached().slice(axis: 0, 0..<count))
      },
      provenance: provenance(order.recipe))
    return try order.recipe.exports.map {
      try Exporter.write($0, result, in: order.attemptFolder)
    }
  }

  /// What a file says of where it came from.
  private func provenance(_ recipe: TrainingRecipe) -> [String: String] {
    [
      "dreambooth.base_sha256": started.baseHash, "dreambooth.build": EngineBuild.version,
      "dreambooth.class": recipe.subjects.map(\.classNoun).joined(separator: ", "),
      "dreambooth.identifier": subjects.map(\.identifier).joined(separator: ", "),
      "dreambooth.method": recipe.method.rawValue,
      "dreambooth.trigger": subjects.map(\.instance).joined(separator: ", "),
    ]
  }
}
