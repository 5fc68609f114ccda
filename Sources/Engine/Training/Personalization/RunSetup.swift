import Contract
import Diffusion
import Evaluation
import Foundation
import Models
import Tensors
import Weights

/// What a run is made of, decided once: models, identifier, sizes, and what a resumed run must find unchanged.
struct RunSetup {
  let model: StableDiffusion
  let clip: CLIPFeatures?
  let prompts: PromptTemplates
  /// Side of the training pictures, in pixels.
  let size: Int
  let started: WorkEvent.Started

  init(_ order: WorkOrder, resumedStep: Int) throws {
    let recipe = order.recipe
    try recipe.requireUsable()
    model = try StableDiffusion(opening: order.baseModel)
    size = recipe.training.resolution > 0 ? recipe.training.resolution : model.nativeSize
    do { try model.requireSize(width: size, height: size) } catch {
      throw TrainingError.invalidRecipe(
        parameter: "training/resolution",
        reason: "\(size) pixels; this base model takes multiples of \(model.sizeMultiple)")
    }
    // Long rows of activations cost more than computing them twice.
    let positions = (size / model.pixelsPerLatent) * (size / model.pixelsPerLatent)
    model.unet.recomputesActivations = positions >= 1024
    clip = try order.clipEncoder.map { try CLIPFeatures(opening: $0) }

    let identifier = try Self.identifier(recipe, model)
    prompts = PromptTemplates(identifier: identifier.text, classNoun: recipe.classNoun)
    let unet = model.unet.parameters.valueCount
    let text = model.textEncoder.parameters.valueCount
    started = WorkEvent.Started(
      identifier: identifier.text, identifierTokens: identifier.tokens,
      identifierSource: recipe.identifier == "auto" ? "auto" : "user",
      baseHash: try model.hash(), totalSteps: recipe.training.steps, resumedStep: resumedStep,
      parameters: unet + text + model.vae.parameters.valueCount,
      trainedParameters: recipe.trainTextEncoder ? unet + text : unet,
      instructionSet: ThreadTeam.instructionSet, threads: ThreadTeam.size)
  }

  private static func identifier(_ recipe: TrainingRecipe, _ model: StableDiffusion) throws
    -> IdentifierPicker.Choice
  {
    let picker = IdentifierPicker(model.tokenizer)
    guard recipe.identifier == "auto" else {
      return IdentifierPicker.Choice(
        text: recipe.identifier, tokens: model.tokenizer.tokens(of: recipe.identifier))
    }
    guard let choice = picker.pick(classNoun: recipe.classNoun, seed: recipe.training.seed) else {
      throw TrainingError.invalidRecipe(
        parameter: "identifier",
        reason:
          "no rare token of this tokenizer stands before \"\(recipe.classNoun)\" unchanged; name one"
      )
    }
    return choice
  }

  func identity(photos: String, classImages: String) -> Checkpoint.Identity {
    [
      "base model": started.baseHash, "build": EngineBuild.version, "class images": classImages,
      "identifier": started.identifier, "instruction set": started.instructionSet,
      "onednn": ThreadTeam.oneDNNVersion, "photos": photos, "threads": String(started.threads),
    ]
  }

  func priorSettings(_ recipe: TrainingRecipe) -> PriorDataset.Settings {
    PriorDataset.Settings(
      baseHash: started.baseHash, prompt: prompts.prior, sampler: recipe.prior.sampler,
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
      model: model, baseHash: started.baseHash, recipe: order.recipe, prompts: prompts, size: size,
      folder: order.attemptFolder)
  }

  func export(_ order: WorkOrder) throws -> WorkEvent.Artifact {
    let result = TunedResult(
      model: model,
      trained: order.recipe.trainTextEncoder ? ["unet", "text_encoder"] : ["unet"],
      provenance: [
        "dreambooth.base_sha256": started.baseHash, "dreambooth.build": EngineBuild.version,
        "dreambooth.class": order.recipe.classNoun, "dreambooth.identifier": started.identifier,
        "dreambooth.trigger": prompts.instance,
      ])
    return try Exporter.write(.diffusers, result, in: order.attemptFolder)
  }
}

extension TrainingRecipe {
  /// The last door: service and command line have checked before, with better messages.
  func requireUsable() throws(TrainingError) {
    let t = training
    let checks: [(Bool, String, String)] = [
      (version == 1, "version", "\(version); this build reads version 1"),
      (RecipeLimits.steps.contains(t.steps), "training/steps", "\(t.steps)"),
      (RecipeLimits.batchSize.contains(t.batchSize), "training/batch_size", "\(t.batchSize)"),
      (
        RecipeLimits.gradientAccumulation.contains(t.gradientAccumulation),
        "training/gradient_accumulation", "\(t.gradientAccumulation)"
      ),
      (
        RecipeLimits.learningRate.contains(t.learningRate), "training/learning_rate",
        "\(t.learningRate)"
      ),
      (t.checkpointEvery > 0, "training/checkpoint_every", "\(t.checkpointEvery)"),
      (t.keepCheckpoints > 0, "training/keep_checkpoints", "\(t.keepCheckpoints)"),
      (
        !prior.enabled || RecipeLimits.priorImages.contains(prior.images), "prior/images",
        "\(prior.images)"
      ),
      (
        exports == [.diffusers], "exports",
        "\(exports.map(\.rawValue)); \"diffusers\" is what this version writes"
      ),
      (!classNoun.isEmpty, "class_noun", "is empty"),
      (!identifier.isEmpty, "identifier", "is empty; `auto` picks one"),
      (!samples.prompts.isEmpty && !samples.seeds.isEmpty, "samples", "needs a prompt and a seed"),
    ]
    if let failed = checks.first(where: { !$0.0 }) {
      throw .invalidRecipe(parameter: failed.1, reason: failed.2)
    }
  }
}
