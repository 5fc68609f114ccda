package import Contract
package import Diffusion
import Models
package import Weights

/// What a method trains: the optimizer's tensors, and where they belong. Everything else of a run is the same for all
/// methods.
package struct TrainedWeights {
  package var parameters: ParameterGroup
  /// Parts of the model whose own weights change: `unet`, `text_encoder`.
  package var components: Set<String> = []
  package var adapters: [LowRankAdapter] = []
  package var words: [LearnedWord] = []
  /// Last step in which prompts may change their meaning; nil: to the end. 0: never.
  package var textLearnsUntil: Int? = 0

  package init(
    parameters: ParameterGroup, components: Set<String> = [], adapters: [LowRankAdapter] = [],
    words: [LearnedWord] = [], textLearnsUntil: Int? = 0
  ) {
    (self.parameters, self.components) = (parameters, components)
    (self.adapters, self.words, self.textLearnsUntil) = (adapters, words, textLearnsUntil)
  }

  /// - Parameters:
  ///   - adapters: those that the model was opened with
  ///   - words: those that the model has learned, one per subject
  package static func of(
    _ recipe: TrainingRecipe, _ model: StableDiffusion, adapters: [LowRankAdapter],
    words: [LearnedWord]
  ) -> TrainedWeights {
    switch recipe.method {
    case .dreambooth: dreamBooth(recipe, model)
    case .lora: lora(recipe, adapters)
    case .textualInversion: textualInversion(recipe, words)
    case .pivotalTuning: pivotalTuning(recipe, adapters, words)
    case .customDiffusion: customDiffusion(recipe, model, words)
    }
  }

  /// Whether update `step`, counted from 1, can still change what a prompt means.
  package func textLearns(at step: Int) -> Bool { textLearnsUntil.map { step <= $0 } ?? true }
}

extension TrainingRecipe {
  /// Last step in which the text encoder learns; nil: it learns to the end, 0: not at all.
  var textEncoderUntil: Int? {
    trainTextEncoder ? (textEncoder.untilStep == 0 ? nil : textEncoder.untilStep) : 0
  }

  /// A rate of its own over the rate of the run; 0 takes the run's.
  func factor(_ rate: Float) -> Float { rate == 0 ? 1 : rate / training.learningRate }
}
