package import Contract
package import Diffusion
import Models
package import Tensors

/// A word that stands for rows of its own in the text encoder's table (Textual Inversion, 2208.01618).
package struct LearnedWord {
  /// `<toby>`
  package let word: String
  /// `[n, D]`
  package let rows: Tensor
  /// What the rows began as.
  package let initial: Tensor
  package let ids: [Int]

  /// Teaches the model one word per subject, starting from the rows of a known word.
  package static func learn(
    _ recipe: TrainingRecipe, _ names: [String], _ model: StableDiffusion
  ) throws -> [LearnedWord] {
    try zip(names, recipe.subjects).map { name, subject in
      let known = recipe.embedding.initialWord
      let start = try firstRow(known.isEmpty ? subject.classNoun : known, model)
      let rows = concatenated(
        (0..<recipe.embedding.vectors).map { _ in start }, axis: 0)
      let ids = try model.learn(name, rows: rows)
      return LearnedWord(word: name, rows: rows, initial: rows.copy(), ids: ids)
    }
  }

  /// The row of a word, or the mean of its tokens' rows, `[1, D]`.
  private static func firstRow(_ word: String, _ model: StableDiffusion) throws -> Tensor {
    let ids = model.tokenizer.tokens(of: word)
    guard !ids.isEmpty else {
      throw TrainingError.invalidRecipe(
        parameter: "embedding/initial_word", reason: "\"\(word)\" has no tokens")
    }
    return withoutGradients {
      let rows = embedding(model.textEncoder.tokenEmbedding.weight, ids: ids, leading: [ids.count])
      return mean(rows, axis: 0).reshaped([1, rows.shape[1]])
    }
  }

  /// Rows that a prompt holds in update `step`, counted from 1: each further row joins after `every` steps.
  package func count(at step: Int, every: Int) -> Int {
    every == 0 ? ids.count : min(ids.count, 1 + max(0, step - 1) / every)
  }

  /// Weight times the squared distance to the first value, summed over the rows (2208.01618, section 5.1).
  package func pull(_ weight: Float) -> Tensor { sum(square(rows - initial)) * weight }
}
