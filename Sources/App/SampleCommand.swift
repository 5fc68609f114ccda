import ArgumentParser
import Contract
import Diffusion
import Foundation
import Imaging
import Models
import Tensors
import Weights

/// Draws pictures from a model.
struct SampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Draws pictures of a text, one per prompt and seed.",
    discussion: """
      Picture k has the seed SEED + k. Each PNG holds its settings. --latents takes the noise from
      a file instead of the seeds: key `latents`, [B, C, H, W], one row per picture.
      """)

  @Option(help: "The model: a folder in diffusers layout, a single file, or a name under models.")
  var model: String
  @Option(help: "FILE[:WEIGHT]: a LoRA to add, 1 of it if no weight is given; can be repeated.")
  var adapter: [String] = []
  @Option(help: "A file of new words for the prompts (Textual Inversion); can be repeated.")
  var embedding: [String] = []
  @Option(parsing: .upToNextOption, help: "What to draw; several texts give several pictures.")
  var prompt: [String]
  @Option(help: "The folder for the pictures.")
  var output: String
  @Option(help: "What not to draw.")
  var negative = ""
  @Option(help: "Pictures per prompt.")
  var count = 1
  @Option(help: "Seed of the first picture.")
  var seed: UInt64 = 0
  @Option(help: "Denoising steps.")
  var steps = 50
  @Option(help: "Guidance scale; 1 switches guidance off.")
  var cfg: Float = 7.5
  @Option(help: "ddpm, ddim, euler, euler_a or dpmpp_2m.")
  var sampler = "ddim"
  @Option(help: "WIDTHxHEIGHT in pixels; the model's own size if absent.")
  var size: String?
  @Option(help: "f32 or bf16: number format of the products.")
  var precision = "f32"
  @Option(help: "A safetensors file with the noise to begin from.")
  var latents: String?
  @Option(help: "A folder in diffusers layout whose configuration a single file shares.")
  var base: String?
  @Option(help: "epsilon or v_prediction: what a single file's network predicts.")
  var prediction: String?
  @Option(help: "Threads to compute with; one for each processor if absent.")
  var threads: Int?
  @Flag(help: "One JSON object per picture on stdout.")
  var json = false

  func run() throws {
    let command = self
    let outcome = EngineThread.run { Result { try command.draw() } }
    do { try outcome?.get() } catch let error as DiffusionError {
      throw UsageError(error.description)
    } catch let error as WeightError {
      throw UsageError(error.description)
    }
  }

  private func draw() throws {
    if let threads { ThreadTeam.use(threads) }
    let recipe = try recipe()
    let opened = try ModelArgument.open(
      model, prediction: try ModelArgument.prediction(prediction),
      configuration: try base.map(ModelArgument.folder))
    let printer = ProgressPrinter(json: json)
    let additions = try additions(to: opened, printer)
    let start = try latents.map(noise)
    let target = URL(fileURLWithPath: output, isDirectory: true)
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    try GenerationEngine(opened, name: additions.name, hash: additions.hash).run(
      recipe, start: start,
      onStep: { done, total in
        printer.bar("drawing", done, total, "")
        return true
      },
      onPicture: { picture in
        let name = "prompt\(picture.promptIndex)-seed\(picture.seed).png"
        try AtomicFile.write(Data(picture.png), to: target.appendingPathComponent(name))
        if json {
          let line = Line(
            file: name, prompt: recipe.prompts[picture.promptIndex], seed: picture.seed,
            width: picture.pixels.width, height: picture.pixels.height)
          let data = try ContractJSON.encoder().encode(line)
          FileHandle.standardOutput.write(data + Data("\n".utf8))
        } else {
          printer.say("\(output)/\(name)")
        }
      })
  }

  /// Applies adapters in the order given, then teaches words.
  /// - Returns: what pictures say of the model, with all that was added
  private func additions(
    to model: StableDiffusion, _ printer: ProgressPrinter
  ) throws -> (name: String, hash: String) {
    var (name, hash) = (model.folder.lastPathComponent, try model.hash())
    for adapter in try adapter.map(AdapterArgument.init) {
      for word in try adapter.apply(to: model) {
        printer.say("\(adapter.file.lastPathComponent): it brings the word \(word)")
      }
      name += "+\(adapter.file.deletingPathExtension().lastPathComponent):\(adapter.strength)"
      let digest = try FileDigest.sha256(adapter.file)
      hash = FileDigest.sha256(Data("\(hash) \(digest) \(adapter.strength)\n".utf8))
    }
    for path in embedding {
      let file = URL(fileURLWithPath: path)
      let learned = try EmbeddingFile.read(file, width: model.textEncoder.config.hiddenSize)
      _ = try model.learn(learned.token, rows: learned.vectors)
      printer.say("\(path): the word is \(learned.token)")
      name += "+\(learned.token)"
      hash = FileDigest.sha256(Data("\(hash) \(try FileDigest.sha256(file))\n".utf8))
    }
    return (name, hash)
  }

  private struct Line: Encodable {
    var file: String
    var prompt: String
    var seed: UInt64
    var width: Int
    var height: Int
  }

  private func recipe() throws(UsageError) -> GenerationRecipe {
    var recipe = GenerationRecipe(prompts: prompt)
    recipe.negativePrompt = negative
    _ = try within(RecipeLimits.seed, seed, "--seed")
    guard (1...10_000).contains(count) else {
      throw UsageError("--count \(count): 1 to 10000 is possible")
    }
    recipe.seeds = (0..<UInt64(count)).map { seed + $0 }
    recipe.steps = try within(RecipeLimits.samplerSteps, steps, "--steps")
    recipe.guidance = try within(RecipeLimits.guidance, cfg, "--cfg")
    guard let name = SamplerName(rawValue: sampler.lowercased().replacing("-", with: "_")) else {
      let known = SamplerName.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError("--sampler \(sampler): \(known) exist")
    }
    recipe.sampler = name
    guard let format = Contract.Precision(rawValue: precision) else {
      throw UsageError("--precision \(precision): f32 and bf16 exist")
    }
    recipe.precision = format
    if let size {
      let sides = size.split(separator: "x").compactMap { Int($0) }
      guard sides.count == 2, sides.allSatisfy(RecipeLimits.resolution.contains) else {
        throw UsageError("--size \(size): WIDTHxHEIGHT in pixels, 16 to 2048 each, as 512x512")
      }
      (recipe.width, recipe.height) = (sides[0], sides[1])
    }
    return recipe
  }

  /// Noise of all pictures from a file, channels-last.
  private func noise(_ path: String) throws -> Tensor {
    let file = try SafetensorsFile(URL(fileURLWithPath: path))
    let latents = try file.tensor("latents")
    guard latents.shape.rank == 4 else {
      throw UsageError(
        "--latents \(path): `latents` has shape \(latents.shape); [B, C, H, W] is needed")
    }
    return withoutGradients { latents.transposed(axes: [0, 2, 3, 1]) }
  }
}
