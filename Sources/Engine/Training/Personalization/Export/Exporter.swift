package import Contract
import Diffusion
package import Foundation
import Models
import Tensors
import Weights

/// Writes a result in one of the formats that other tools open: a folder named by the format, which appears whole or
/// not at all, and is opened again, compared number by number, and drawn from before it is offered.
package enum Exporter {
  /// - Parameter parent: the attempt's folder
  package static func write(
    _ format: ExportFormat, _ result: TunedResult, in parent: URL
  ) throws -> WorkEvent.Artifact {
    let target = parent.appendingPathComponent(format.rawValue)
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    let export = export(format, result)
    try Durable.folder(at: target, contents: export.fill, verify: export.verify)
    return WorkEvent.Artifact(
      format: format.rawValue, folder: format.rawValue, files: try files(in: target))
  }

  private static func export(_ format: ExportFormat, _ result: TunedResult) -> any ExportFile {
    switch format {
    case .diffusers: DiffusersFolder(result)
    case .singleFile: SingleFileCheckpoint(result)
    case .loraPEFT: DiffusersLoRAExport(result)
    case .loraKohya: KohyaLoRAExport(result)
    case .tiDiffusers: DiffusersEmbeddingExport(result)
    case .tiKohya: KohyaEmbeddingExport(result)
    }
  }

  private static func files(in folder: URL) throws -> [WorkEvent.Artifact.File] {
    var isFolder: ObjCBool = false
    return try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted().compactMap {
      let file = folder.appendingPathComponent($0)
      guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder),
        !isFolder.boolValue
      else { return nil }
      let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int
      return WorkEvent.Artifact.File(
        name: $0, bytes: size ?? 0, sha256: try FileDigest.sha256(file))
    }
  }
}

/// One format: what it writes into an empty folder, and how it is read back.
protocol ExportFile {
  init(_ result: TunedResult)
  func fill(_ folder: URL) throws
  /// - Throws: `TrainingError.exportDiffers`
  func verify(_ folder: URL) throws
}

extension TunedResult {
  /// A file's name that says what it is of, for tools that show nothing else: letters, digits and dashes.
  var fileStem: String {
    let text = trigger.lowercased().unicodeScalars.map {
      ("a"..."z").contains($0) || ("0"..."9").contains($0) ? Character($0) : "-"
    }
    let words = String(text).split(separator: "-").joined(separator: "-")
    return words.isEmpty ? "subject" : String(words.prefix(60))
  }

  /// The one file of formats that have one.
  func file(in folder: URL) -> URL {
    folder.appendingPathComponent("\(fileStem).safetensors")
  }

  /// The base as its files have it, its U-Net rounded as the live one's is.
  func openBase() throws -> StableDiffusion {
    let base = try StableDiffusion(opening: model.folder)
    base.schedule = model.schedule
    for parameter in base.unet.parameters
    where model.unetFormat == .bf16 && parameter.tensor.shape.rank > 1 {
      let rounded = parameter.tensor.cast(to: .bf16).cast(to: .f32)
      parameter.tensor.withMutableFloats { weight in
        rounded.withFloats { _ = weight.update(fromContentsOf: $0) }
      }
    }
    return base
  }

  /// A single file written here shares the base's tokenizer.
  var singleFileOptions: SingleFileOptions {
    let own = model.folder.appendingPathComponent("tokenizer")
    let isThere = FileManager.default.fileExists(atPath: own.path)
    return SingleFileOptions(
      tokenizer: isThere ? own : SingleFileOptions.tokenizer(near: model.folder))
  }

  /// A reopened model with new rows, which formats for whole models leave to files of their own.
  /// - Parameter rows: from files; nil: the live ones
  func taught(_ reopened: StableDiffusion, _ rows: [LearnedEmbedding]? = nil) throws
    -> StableDiffusion
  {
    for embedding in rows ?? embeddings {
      try reopened.learn(embedding.token, rows: embedding.vectors)
    }
    return reopened
  }

  /// Metadata that all formats share.
  func metadata(_ kind: ModelSpec.Kind) -> [String: String] {
    let spec = ModelSpec.fields(
      of: model, kind: kind, title: fileStem, trigger: trigger.isEmpty ? nil : trigger)
    guard kind == .lora else { return spec.merging(provenance) { $1 } }
    let training = ModelSpec.training(of: model, baseHash: provenance["dreambooth.base_sha256"])
    return spec.merging(training) { $1 }.merging(provenance) { $1 }
      .merging(["ss_output_name": fileStem]) { $1 }
  }
}
