import Contract
import Tensors
import Weights

extension TrainedWeights {
  /// Textual Inversion (Gal et al., 2208.01618): nothing but the rows of a new word learns.
  static func textualInversion(_ recipe: TrainingRecipe, _ words: [LearnedWord]) -> TrainedWeights {
    TrainedWeights(parameters: group(words, recipe), words: words, textLearnsUntil: nil)
  }

  /// Pivotal tuning (Roich et al., 2106.05744, as the field uses it): the word and low-rank additions learn together.
  static func pivotalTuning(
    _ recipe: TrainingRecipe, _ adapters: [LowRankAdapter], _ words: [LearnedWord]
  ) -> TrainedWeights {
    var weights = lora(recipe, adapters)
    weights.parameters = weights.parameters + group(words, recipe)
    (weights.words, weights.textLearnsUntil) = (words, nil)
    return weights
  }

  static func group(_ words: [LearnedWord], _ recipe: TrainingRecipe) -> ParameterGroup {
    ParameterGroup(
      words.map { (key: "words.\($0.word)", tensor: $0.rows) },
      rateFactor: recipe.factor(recipe.embedding.learningRate))
  }
}
