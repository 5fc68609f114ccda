import ArgumentParser
import Contract
import Foundation

/// The choice of a method and what belongs to single methods.
struct MethodOptions: ParsableArguments {
  @Option(
    help:
      "dreambooth, lora, textual-inversion, pivotal-tuning or custom-diffusion; default dreambooth."
  )
  var method: String?
  @Option(help: "Rank of low-rank adapters.")
  var rank: Int?
  @Option(help: "alpha of low-rank adapters; the rank if absent.")
  var alpha: Float?
  @Option(help: "Layers that get adapters: attention, feed-forward, convolutions. Repeatable.")
  var target: [String] = []
  @Flag(help: "Train magnitudes apart from directions (DoRA).")
  var dora = false
  @Flag(help: "Train the text encoder too.")
  var trainTextEncoder = false
  @Option(help: "Rows of the new word.")
  var vectors: Int?
  @Option(help: "The known word that the new one starts from; the class noun if absent.")
  var initialWord: String?
  @Option(help: "Rate of the new word's rows.")
  var embeddingRate: Float?
  @Option(
    help:
      "A format to write: \(ExportFormat.allCases.map(\.rawValue).joined(separator: ", ")). Repeatable."
  )
  var export: [String] = []

  var chosen: TrainingRecipe.Method? {
    get throws(UsageError) {
      try method.map { name throws(UsageError) in try choice(name, "--method") }
    }
  }

  func apply(to recipe: inout TrainingRecipe) throws(UsageError) {
    if let chosen = try chosen, chosen != recipe.method {
      throw UsageError(
        "--method \(chosen.rawValue): the recipe is one of \(recipe.method.rawValue)")
    }
    if trainTextEncoder { recipe.trainTextEncoder = true }
    if let rank { recipe.lora.rank = try within(RecipeLimits.rank, rank, "--rank") }
    if let alpha { recipe.lora.alpha = try within(RecipeLimits.alpha, alpha, "--alpha") }
    if !target.isEmpty { recipe.lora.targets = try choices(target, "--target") }
    if dora { recipe.lora.dora = true }
    if let vectors {
      recipe.embedding.vectors = try within(RecipeLimits.vectors, vectors, "--vectors")
    }
    if let initialWord { recipe.embedding.initialWord = initialWord }
    if let embeddingRate {
      recipe.embedding.learningRate = try within(
        RecipeLimits.learningRate, embeddingRate, "--embedding-rate")
    }
    if !export.isEmpty { recipe.exports = try choices(export, "--export") }
  }

  private func choices<Choice: RawRepresentable & CaseIterable>(
    _ names: [String], _ option: String
  ) throws(UsageError) -> [Choice] where Choice.RawValue == String {
    var found: [Choice] = []
    for name in names { found.append(try choice(name, option)) }
    return found
  }

  /// Hyphens are as good as underscores.
  private func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _ option: String
  ) throws(UsageError) -> Choice where Choice.RawValue == String {
    if let choice = Choice(rawValue: name.replacing("-", with: "_")) { return choice }
    let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    throw UsageError("\(option) \(name): one of \(known) is possible")
  }
}
