import ArgumentParser
import Contract
import Diffusion
import Evaluation
import Foundation
import Tensors
import Training
import Weights

/// Looks at candidates for the rare token of "a [V] [class]" through the eyes of a base model.
struct IdentifiersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identifiers",
    abstract: "Shows what a base model draws for rare words (started by the service).",
    discussion: """
      Writes identifiers.json, a picture per word, prompt and seed, and grid.png into OUTPUT. The \
      score counts meaning against a word: docs/DEFAULTS.md.
      """,
    shouldDisplay: false)

  @Option(help: "The base model: a folder in diffusers layout, or a name under models.")
  var base: String
  @Option(name: .customLong("class"), help: "What the subject is: dog, backpack.")
  var classNoun: String
  @Option(help: "The folder for report and pictures; it appears when they are whole.")
  var output: String
  @Option(help: "How many words to look at.")
  var count = 10
  @Option(help: "Words to look at in the place of rare ones, with commas between.")
  var tokens: String?
  @Option(help: "Folder of the CLIP encoder pair that compares pictures.")
  var clip: String?
  @Option(help: "Threads to compute with; one for each processor if absent.")
  var threads: Int?

  func run() throws {
    let command = self
    let outcome = EngineThread.run { Result { try command.look() } }
    do { try outcome?.get() } catch let error as DiffusionError {
      throw UsageError(error.description)
    } catch let error as WeightError {
      throw UsageError(error.description)
    } catch let error as TrainingError {
      throw UsageError(error.description)
    }
  }

  private func look() throws {
    if let threads { ThreadTeam.use(threads) }
    _ = try within(RecipeLimits.identifierCandidates, count, "--count")
    _ = try within(RecipeLimits.nounLength, classNoun.count, "length of --class")
    let folder = try ModelArgument.folder(base)
    var settings = IdentifierEvidence.Settings()
    settings.guidance = RecommendedDefaults.ofModel(at: folder)?.guidance ?? settings.guidance
    let evidence = IdentifierEvidence(
      try StableDiffusion(opening: folder),
      clip: try clip.map { try CLIPFeatures(opening: ModelArgument.folder($0)) }, settings)
    let printer = ProgressPrinter(json: false)
    try evidence.write(
      classNoun: classNoun, words: (tokens ?? "").split(separator: ",").map(String.init),
      count: count, to: URL(fileURLWithPath: output, isDirectory: true)
    ) { done, total in printer.bar("drawing", done, total, "") }
  }
}
