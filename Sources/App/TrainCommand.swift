import ArgumentParser
import Contract
import Foundation
import Imaging
import Tensors
import Training
import Weights

/// Fine-tunes a base model to a subject without a service.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Fine-tunes a base model to the subject of some photos.",
    discussion: """
      Checkpoints, samples, the report and one folder per export format appear in OUTPUT. An
      interrupted run goes on with --resume and ends in the same bits. Beside a photo toby.jpg may
      lie toby.txt, its caption, and toby.mask.png, white where the subject is.
      """)

  @Option(help: "The base model: a folder in diffusers layout, or a name under models.")
  var base: String
  @Option(help: "A folder of photos of the subject, PNG, JPEG or WebP; 3 to 5 are best.")
  var images: String
  @Option(name: .customLong("class"), help: "What the subject is: dog, backpack.")
  var classNoun: String?
  @Option(help: "The folder for everything that the run writes.")
  var output: String
  @Option(help: "A whole recipe as JSON, a report, or a job's recipe; other options come on top.")
  var recipe: String?
  @OptionGroup var methodOptions: MethodOptions
  @Option(help: "The rare token of \"a [V] [class]\"; `auto` picks one.")
  var identifier: String?
  @Option(help: "Training steps.")
  var steps: Int?
  @Option(help: "Learning rate.")
  var rate: Float?
  @Option(help: "Seed of every draw.")
  var seed: UInt64?
  @Option(help: "Class pictures drawn from the base model; 0 switches prior preservation off.")
  var priorImages: Int?
  @Option(help: "Weight of the prior loss.")
  var priorWeight: Float?
  @Option(help: "A checkpoint folder of another run to begin with.")
  var initFrom: String?
  @Option(help: "Folder of the CLIP encoder pair for the report.")
  var clip: String?
  @Option(help: "Folder of class pictures that runs share; OUTPUT/cache if absent.")
  var cache: String?
  @Option(help: "Threads to compute with; one for each processor if absent.")
  var threads: Int?
  @Flag(help: "Go on from the newest whole checkpoint in OUTPUT.")
  var resume = false
  @Flag(help: "One JSON object per event on stdout.")
  var json = false

  func run() throws {
    let order = try order()
    let mailbox = DirectiveMailbox()
    mailbox.suspend(onSignals: [SIGINT, SIGTERM])
    let json = json
    let outcome = EngineThread.run { () -> Result<WorkEvent.Finished?, EngineError> in
      let printer = ProgressPrinter(json: json)
      return Result { () throws(EngineError) in
        try PersonalizationEngine().run(order) { event in
          printer.show(event)
          return mailbox.take()
        }
      }
    }
    switch outcome {
    case .success(.some)?: return
    case .success(nil)?, nil: throw ExitCode(WorkerExit.interrupted.rawValue)
    case .failure(let error)?:
      let line = error.description + (error.hint.map { " (\($0))" } ?? "")
      guard error.exit == .badInput, error.code != .nonfinite else {
        FileHandle.standardError.write(Data((line + "\n").utf8))
        throw ExitCode(1)
      }
      throw UsageError(line)
    }
  }

  // MARK: - Arguments to an order

  private func order() throws -> WorkOrder {
    let folder = URL(fileURLWithPath: output, isDirectory: true)
    let newest = try Checkpoint.newest(in: folder)
    if resume, newest == nil { throw UsageError("--resume: \(output) holds no whole checkpoint") }
    if !resume, let newest {
      throw UsageError(
        "\(output) holds a checkpoint of step \(newest.manifest.step); add --resume, or name another folder"
      )
    }
    return WorkOrder(
      jobId: folder.lastPathComponent, epoch: 1, recipe: try resolvedRecipe(),
      images: try pictures(), baseModel: try ModelArgument.url(base),
      clipEncoder: try encoder(), attemptFolder: folder,
      cacheFolder: cache.map { URL(fileURLWithPath: $0, isDirectory: true) }
        ?? folder.appendingPathComponent("cache"),
      resumeFrom: newest?.folder,
      initFrom: initFrom.map { URL(fileURLWithPath: $0, isDirectory: true) },
      threads: threads ?? ThreadTeam.size)
  }

  private func encoder() throws -> URL? {
    if let clip { return try ModelArgument.folder(clip) }
    return try? ModelArgument.folder("encoders/starter-clip")
  }

  /// Photos in the order of their content, whatever their names.
  private func pictures() throws -> [WorkOrder.Picture] {
    let folder = URL(fileURLWithPath: images, isDirectory: true)
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
      throw UsageError("--images \(images): no such folder")
    }
    let found = try names.filter { !$0.hasPrefix(".") && !$0.hasSuffix(".txt") }
      .filter { !$0.hasSuffix(".mask.png") }.sorted().map { name in
        let file = folder.appendingPathComponent(name)
        do { _ = try ImageDecoder.decode(contentsOf: file) } catch {
          throw UsageError("\(images)/\(name): \(error)")
        }
        let stem = file.deletingPathExtension()
        let mask = stem.appendingPathExtension("mask.png")
        return WorkOrder.Picture(
          id: try FileDigest.sha256(file), file: file,
          caption: try caption(stem.appendingPathExtension("txt")),
          mask: names.contains(mask.lastPathComponent) ? mask : nil)
      }.sorted { $0.id < $1.id }
    guard RecipeLimits.images.contains(found.count) else {
      throw UsageError(
        "--images \(images): \(found.count) photos; \(RecipeLimits.images.minimum) to "
          + "\(RecipeLimits.images.maximum) are possible, 3 to 5 best")
    }
    return found
  }

  private func caption(_ file: URL) throws -> String? {
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    guard
      let text = try? String(contentsOf: file, encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines),
      RecipeLimits.captionLength.contains(RecipeLimits.length(of: text))
    else { throw UsageError("\(images)/\(file.lastPathComponent): not a line of UTF-8 text") }
    return text
  }

  private func resolvedRecipe() throws -> TrainingRecipe {
    var recipe = try recipe.map(stored) ?? defaults()
    if let classNoun { recipe.classNoun = classNoun }
    if let identifier { recipe.identifier = identifier }
    if let steps {
      recipe.training.steps = try within(RecipeLimits.steps, steps, "--steps")
      recipe.training.checkpointEvery = MethodDefaults.checkpointEvery(steps: steps)
      recipe.samples.every = recipe.training.checkpointEvery
    }
    if let rate { recipe.learn(at: try within(RecipeLimits.learningRate, rate, "--rate")) }
    if let seed { recipe.training.seed = try within(RecipeLimits.seed, seed, "--seed") }
    if let priorImages {
      recipe.prior.enabled = priorImages != 0
      if priorImages != 0 {
        recipe.prior.images = try within(RecipeLimits.priorImages, priorImages, "--prior-images")
      }
    }
    if let priorWeight {
      recipe.prior.weight = try within(RecipeLimits.priorWeight, priorWeight, "--prior-weight")
    }
    try methodOptions.apply(to: &recipe)
    _ = try within(RecipeLimits.nounLength, recipe.classNoun.count, "length of --class")
    return recipe
  }

  private func stored(_ file: String) throws -> TrainingRecipe {
    do {
      return try RecipeFile.recipe(in: Data(contentsOf: URL(fileURLWithPath: file)))
    } catch { throw UsageError("--recipe \(file): not a whole recipe: \(error)") }
  }

  /// What the method and the base model recommend.
  private func defaults() throws -> TrainingRecipe {
    guard let classNoun else { throw UsageError("--class NOUN is needed where no --recipe has it") }
    var recipe = TrainingRecipe(classNoun: classNoun)
    recipe.method = try methodOptions.chosen ?? .dreambooth
    recipe.trainTextEncoder = methodOptions.trainTextEncoder
    MethodDefaults(
      recipe.method, prior: priorImages.map { $0 != 0 },
      trainTextEncoder: recipe.trainTextEncoder,
      model: RecommendedDefaults.ofModel(at: try ModelArgument.url(base))
    ).apply(to: &recipe)
    return recipe
  }
}

/// The value, if it lies in its range.
func within<Value>(_ range: RecipeLimits.Range<Value>, _ value: Value, _ name: String)
  throws(UsageError) -> Value
{
  guard range.contains(value) else {
    throw UsageError("\(name) \(value): \(range.minimum) to \(range.maximum) is possible")
  }
  return value
}
