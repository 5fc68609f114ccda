/// Everything that a training run depends on, with every choice made: no field is optional because
/// "the default" was meant. It is stored with the job, the checkpoint and the artifact.
///
/// Defaults and their sources: `docs/DEFAULTS.md`; ranges: `RecipeLimits`.
package struct TrainingRecipe: Codable, Equatable, Sendable {
  /// Version of this format.
  package var version = 1
  package var classNoun: String
  /// The rare token of "a [V] [class]", or `auto` to let the engine pick one from the tokenizer.
  package var identifier = "auto"
  package var method = Method.dreambooth
  package var trainTextEncoder = false
  package var prior = Prior()
  package var training = Training()
  package var samples = Samples()
  package var exports = [ExportFormat.diffusers]
  package var lora = LoRA()
  package var embedding = Embedding()
  package var textEncoder = TextEncoder()
  package var objective = Objective()
  /// Subjects beside the first, each with photos of its own.
  package var otherSubjects: [Subject] = []

  package init(classNoun: String) { self.classNoun = classNoun }

  /// All subjects of the run, in the order of `WorkOrder.Picture.subject`.
  package var subjects: [Subject] {
    [Subject(classNoun: classNoun, identifier: identifier)] + otherSubjects
  }

  /// Prior preservation: the second term of the paper's equation 2.
  package struct Prior: Codable, Equatable, Sendable {
    package var enabled = true
    package var source = PriorSource()
    /// lambda of equation 2.
    package var weight: Float = 1
    /// Number of class images drawn from the frozen base model.
    package var images = 200
    /// Sampler of the class images; the paper uses the ancestral one.
    package var sampler = SamplerName.ddpm
    package var steps = 50
    package var guidance: Float = 7.5
    package init() {}
  }

  package struct Training: Codable, Equatable, Sendable {
    package var steps = 800
    package var learningRate: Float = 5e-6
    package var warmupSteps = 0
    /// Instance images per step; as many class images join them when the prior is on.
    package var batchSize = 1
    package var gradientAccumulation = 1
    package var precision = Precision.f32
    package var seed: UInt64 = 0
    package var adamBeta1: Float = 0.9
    package var adamBeta2: Float = 0.999
    package var adamEpsilon: Float = 1e-8
    package var weightDecay: Float = 1e-2
    package var maxGradientNorm: Float = 1
    package var moments = Moments()
    package var emaDecay: Float?
    package var flip = false
    package var checkpointEvery = 100
    package var keepCheckpoints = 2
    /// Side of the training pictures in pixels; 0 takes the base model's own size.
    package var resolution = 0
    package init() {}
  }

  /// Previews at fixed prompts and seeds. `{id}` and `{class}` are the only placeholders.
  package struct Samples: Codable, Equatable, Sendable {
    /// Steps between previews; 0 draws them at the end only.
    package var every = 100
    package var prompts = ["a {id} {class}"]
    package var negativePrompt = ""
    package var seeds: [UInt64] = [1, 2, 3, 4]
    package var sampler = SamplerName.ddim
    package var steps = 50
    package var guidance: Float = 7.5
    package init() {}
  }
}

package enum Precision: String, Codable, Sendable, CaseIterable { case f32, bf16 }

/// Samplers by the names of the field; `aliases` are accepted on input.
package enum SamplerName: String, Codable, Sendable, CaseIterable {
  case ddpm, ddim, euler
  case eulerAncestral = "euler_a"
  case dpmpp2m = "dpmpp_2m"
}

/// What pictures are asked of a model: text to image.
package struct GenerationRecipe: Codable, Equatable, Sendable {
  package var version = 1
  package var prompts: [String]
  package var negativePrompt = ""
  /// One picture per prompt and seed; picture k depends on its own seed only.
  package var seeds: [UInt64] = [0]
  /// Pixels; 0 takes the model's own size.
  package var width = 0
  package var height = 0
  package var steps = 50
  package var guidance: Float = 7.5
  package var sampler = SamplerName.ddim
  package var precision = Precision.f32
  package init(prompts: [String]) { self.prompts = prompts }
}
