import Diffusion
import Foundation
import Models
import Tensors
import Weights

/// New rows of the token table, a file for each word: `learned_embeds.safetensors` as diffusers looks for it, or
/// the word as the file's name, which most user interfaces go by.
struct DiffusersEmbeddingExport: ExportFile {
  private let result: TunedResult

  init(_ result: TunedResult) { self.result = result }

  private func file(of embedding: LearnedEmbedding, in folder: URL) -> URL {
    result.embeddings.count == 1
      ? folder.appendingPathComponent("learned_embeds.safetensors")
      : result.file(of: embedding, in: folder)
  }

  func fill(_ folder: URL) throws {
    for embedding in result.embeddings {
      try EmbeddingFile.writeDiffusers(
        embedding, to: file(of: embedding, in: folder), metadata: result.metadata(.embedding))
    }
  }

  func verify(_ folder: URL) throws {
    try result.requireEqual(embeddings: result.embeddings.map { file(of: $0, in: folder) })
  }
}

struct KohyaEmbeddingExport: ExportFile {
  private let result: TunedResult

  init(_ result: TunedResult) { self.result = result }

  func fill(_ folder: URL) throws {
    for embedding in result.embeddings {
      try EmbeddingFile.writeKohya(
        embedding, to: result.file(of: embedding, in: folder),
        metadata: result.metadata(.embedding))
    }
  }

  func verify(_ folder: URL) throws {
    try result.requireEqual(
      embeddings: result.embeddings.map { result.file(of: $0, in: folder) })
  }
}

extension TunedResult {
  /// `<dog-toy>` becomes `dog-toy.safetensors`.
  func file(of embedding: LearnedEmbedding, in folder: URL) -> URL {
    let name = embedding.token.unicodeScalars.filter {
      $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_".unicodeScalars.contains($0))
    }
    let stem = name.isEmpty ? "subject" : String(String.UnicodeScalarView(name))
    return folder.appendingPathComponent("\(stem).safetensors")
  }

  /// Holds embedding files that were reopened against the live rows, then draws with them.
  func requireEqual(embeddings files: [URL]) throws {
    let width = model.textEncoder.config.hiddenSize
    let reopened = try files.map { try EmbeddingFile.read($0, width: width) }
    for (ours, theirs) in zip(embeddings, reopened)
    where ours.token != theirs.token || ours.vectors.values != theirs.vectors.values {
      throw TrainingError.exportDiffers(key: ours.token)
    }
    try PictureCheck(self).requireEqual(model, try rebuilt(with: reopened))
  }

  /// The base with rows from a file; all else that was trained is the live model's.
  private func rebuilt(with rows: [LearnedEmbedding]) throws -> StableDiffusion {
    let base = try taught(openBase(), rows)
    base.unet = model.unet
    try base.apply(adapters.filter { $0.key.hasPrefix("text_encoder.") })
    return base
  }
}
