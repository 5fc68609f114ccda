package import Foundation
package import Tensors

/// New rows of a text encoder's token table, and the word that stands for them.
package struct LearnedEmbedding {
  package let token: String
  /// `[n, D]`
  package let vectors: Tensor

  package init(token: String, vectors: Tensor) {
    (self.token, self.vectors) = (token, vectors)
  }
}

/// Reads and writes the two common forms of Textual Inversion's result, as safetensors:
///
///     {TOKEN: [n, D]}           diffusers (`load_textual_inversion`)
///     {emb_params: [n, D]}      kohya's scripts and most user interfaces; the file's name is the word
package enum EmbeddingFile {
  package static func writeDiffusers(
    _ embedding: LearnedEmbedding, to url: URL, metadata: [String: String] = [:]
  ) throws(WeightError) {
    try write(embedding.token, embedding.vectors, url, metadata)
  }

  package static func writeKohya(
    _ embedding: LearnedEmbedding, to url: URL, metadata: [String: String] = [:]
  ) throws(WeightError) {
    let name = ["name": embedding.token]
    try write(kohyaKey, embedding.vectors, url, metadata.merging(name) { $1 })
  }

  private static let kohyaKey = "emb_params"

  private static func write(
    _ key: String, _ vectors: Tensor, _ url: URL, _ metadata: [String: String]
  ) throws(WeightError) {
    var writer = SafetensorsWriter(metadata: metadata.merging(["format": "pt"]) { $1 })
    writer.add(key, vectors.detached())
    try writer.write(to: url)
  }

  /// Whether a file can only be an embedding: a single tensor of one or two axes.
  package static func isEmbedding(_ file: SafetensorsFile) -> Bool {
    file.keys.count == 1 && file.keys.allSatisfy { (1...2).contains(file[$0]?.shape.count ?? 0) }
  }

  /// - Parameters:
  ///   - token: the word to use instead of the file's own
  ///   - width: of the text encoder the rows are for
  package static func read(
    _ url: URL, token: String? = nil, width: Int
  ) throws(WeightError) -> LearnedEmbedding {
    try read(SafetensorsFile(url), token: token, width: width)
  }

  package static func read(
    _ file: SafetensorsFile, token: String? = nil, width: Int
  ) throws(WeightError) -> LearnedEmbedding {
    guard isEmbedding(file), let key = file.keys.first else {
      throw .config(
        file: file.url.shortName,
        reason: "an embedding is one tensor of shape [n, D]; the file holds "
          + "\(file.keys.count) tensors")
    }
    let name = key == kohyaKey ? file.metadata["name"] ?? stem(file.url) : key
    return try embedding(token ?? name, key, file, width: width)
  }

  /// The rows of one tensor and their word, which must be one.
  static func embedding(
    _ token: String, _ key: String, _ file: SafetensorsFile, width: Int
  ) throws(WeightError) -> LearnedEmbedding {
    guard token.contains(where: { !$0.isWhitespace }) else {
      throw .config(
        file: file.url.shortName,
        reason: "the word of the embedding is empty; `convert` with --token WORD gives it one")
    }
    let stored = try file.tensor(key)
    let count = stored.shape.rank == 2 ? stored.shape[0] : 1
    guard count > 0, stored.count == count * width else {
      throw .shapeMismatch(key: key, expected: [max(count, 1), width], found: stored.shape.dims)
    }
    return LearnedEmbedding(
      token: token, vectors: withoutGradients { stored.reshaped([count, width]) })
  }

  private static func stem(_ url: URL) -> String { url.deletingPathExtension().lastPathComponent }
}
