import ArgumentParser
import Contract
import Diffusion
import Foundation
import Models
import Tensors
import Training
import Weights

/// Writes a model, an adapter or an embedding in the form that another tool wants.
struct ConvertCommand: ParsableCommand {
  enum Form: String, ExpressibleByArgument, CaseIterable {
    case diffusers
    case singleFile = "single-file"
    case loraPEFT = "lora-peft"
    case loraKohya = "lora-kohya"
    case embeddingDiffusers = "ti-diffusers"
    case embeddingKohya = "ti-kohya"
  }

  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Writes a model, an adapter or an embedding in another tool's form.",
    discussion: """
      IN is read by what it holds, whatever its form: a folder in diffusers layout, a single-file
      checkpoint of Stable Diffusion 1.x or 2.x, random:sd15 (random:small, random:tiny) for weights
      that mean nothing, a LoRA of diffusers, peft or kohya (--base names the model it is for), an
      embedding. Without --dtype every tensor keeps its format. OUT must not be there yet.
      """)

  @Argument(help: "What is read: a folder, a safetensors file, or a name under models.")
  var input: String
  @Argument(help: "What is written: a folder for diffusers, else a safetensors file.")
  var output: String
  @Option(
    help: ArgumentHelp("diffusers, single-file, lora-peft, lora-kohya, ti-diffusers or ti-kohya."))
  var to: Form
  @Option(help: "f32, f16 or bf16: format of the weights; their own if absent.")
  var dtype: String?
  @Option(help: "The model that an adapter is for, or whose configuration a single file shares.")
  var base: String?
  @Option(help: "epsilon or v_prediction: what a single file's network predicts.")
  var prediction: String?
  @Option(help: "The word of an embedding; the file's own if absent.")
  var token: String?

  func run() throws {
    let command = self
    let outcome = EngineThread.run { Result { try command.convert() } }
    do { try outcome?.get() } catch let error as DiffusionError {
      throw UsageError(error.description)
    } catch let error as WeightError {
      if case .writeFailed = error { throw error }
      throw UsageError(error.description)
    }
  }

  private func convert() throws {
    guard !FileManager.default.fileExists(atPath: output) else {
      throw UsageError("\(output) is there already; convert writes something new")
    }
    switch to {
    case .diffusers, .singleFile: try convertModel()
    case .loraPEFT, .loraKohya: try convertAdapter()
    case .embeddingDiffusers, .embeddingKohya: try convertEmbedding()
    }
  }

  // MARK: - Models

  private func convertModel() throws {
    let model =
      input.hasPrefix("random:")
      ? try BenchSubject(input).stableDiffusion(.f32)
      : try ModelArgument.open(
        input, prediction: try ModelArgument.prediction(prediction),
        configuration: try base.map(ModelArgument.folder))
    let writer = ModelWriter(model, dtype: try storedDType())
    if to == .diffusers {
      try Durable.folder(at: target, contents: writer.writeFolder)
    } else {
      try writer.writeSingleFile(target)
    }
  }

  private var target: URL { URL(fileURLWithPath: output) }

  private func storedDType() throws(UsageError) -> StoredDType? {
    guard let dtype else { return nil }
    guard let known = StoredDType(rawValue: dtype.uppercased()), known.isWeight else {
      throw UsageError("--dtype \(dtype): f32, f16 and bf16 exist")
    }
    return known
  }

  // MARK: - Adapters and embeddings

  private func convertAdapter() throws {
    guard let base else {
      throw UsageError("--to \(to.rawValue): --base is needed, the model whose layers IN changes")
    }
    let file = try SafetensorsFile(try AdapterArgument(input).file)
    let shapes = try ModelShapes(try ModelArgument.url(base), ModelArgument.options())
    let updates = try LoRAFile.read(file, for: shapes.layers)
    let dtype = try storedDType() ?? file.commonDType
    if to == .loraPEFT {
      try DiffusersLoRA.write(updates, to: target, metadata: file.carriedMetadata, dtype: dtype)
    } else {
      try KohyaLoRA.write(updates, to: target, metadata: file.carriedMetadata, dtype: dtype)
    }
  }

  private func convertEmbedding() throws {
    let file = try SafetensorsFile(try AdapterArgument(input).file)
    let width = file.keys.first.flatMap { file[$0]?.shape.last } ?? 0
    let embedding = try EmbeddingFile.read(file, token: token, width: width)
    if to == .embeddingDiffusers {
      try EmbeddingFile.writeDiffusers(embedding, to: target, metadata: file.carriedMetadata)
    } else {
      try EmbeddingFile.writeKohya(embedding, to: target, metadata: file.carriedMetadata)
    }
  }
}

extension SafetensorsFile {
  /// Where the file comes from and what it is for; not its digests, which another form does not share.
  fileprivate var carriedMetadata: [String: String] {
    metadata.filter { key, _ in
      ["dreambooth.", "modelspec.", "ss_"].contains(where: key.hasPrefix)
        && !["modelspec.hash_sha256", "ss_network_args"].contains(key)
    }
  }

  /// The format of all its weights, or f32 where they differ.
  fileprivate var commonDType: StoredDType {
    let found = Set(keys.compactMap { self[$0]?.dtype })
    return found.count == 1 ? found.first.flatMap { $0.isWeight ? $0 : nil } ?? .f32 : .f32
  }
}
