import Contract
import Foundation

/// `samples` of a job request.
enum SampleFields {
  static func read(_ fields: FieldReader, _ recipe: inout TrainingRecipe) {
    var samples = recipe.samples
    samples.every =
      fields.integer("every", RecipeLimits.sampleEvery) ?? recipe.training.checkpointEvery
    if let prompts = fields.strings(
      "prompts", count: RecipeLimits.samplePrompts, length: RecipeLimits.promptLength)
    {
      for (index, prompt) in prompts.enumerated() where !Placeholders.areKnown(in: prompt) {
        fields.fault("prompts", at: index, "placeholder", Placeholders.advice)
      }
      samples.prompts = prompts
    }
    samples.negativePrompt =
      fields.string("negative_prompt", .init(minimum: 0, maximum: 1000)) ?? samples.negativePrompt
    samples.seeds = fields.seeds("seeds", count: RecipeLimits.sampleSeeds) ?? samples.seeds
    samples.sampler = fields.sampler("sampler") ?? samples.sampler
    samples.steps = fields.integer("steps", RecipeLimits.samplerSteps) ?? samples.steps
    samples.guidance = fields.float("cfg", RecipeLimits.guidance) ?? samples.guidance
    fields.end()
    recipe.samples = samples
  }
}

/// `{id}` and `{class}`, in prompts and captions.
enum Placeholders {
  static let advice = "{id} and {class} are the only placeholders"

  static func areKnown(in text: String) -> Bool {
    let rest = text.replacingOccurrences(of: "{id}", with: "")
      .replacingOccurrences(of: "{class}", with: "")
    return !rest.contains("{") && !rest.contains("}")
  }
}
