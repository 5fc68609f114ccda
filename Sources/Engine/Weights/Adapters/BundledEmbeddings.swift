package import Tensors

/// Words that a LoRA brings along, as AUTOMATIC1111 and OneTrainer write them:
///
///     bundle_emb.WORD.emb_params                [n, D]
///     bundle_emb.WORD.string_to_param.*         [n, D]
package enum BundledEmbeddings {
  private static let prefix = "bundle_emb."
  private static let endings = [".emb_params", ".string_to_param.*"]

  /// The word that a tensor belongs to; nil if it is none of a bundle.
  static func word(of key: String) -> String? {
    guard key.hasPrefix(prefix), let ending = endings.first(where: key.hasSuffix) else {
      return nil
    }
    return String(key.dropFirst(prefix.count).dropLast(ending.count))
  }

  /// - Parameter width: of the text encoder the rows are for
  /// - Returns: in the order of the words
  package static func read(
    _ file: SafetensorsFile, width: Int
  ) throws(WeightError) -> [LearnedEmbedding] {
    var found: [LearnedEmbedding] = []
    for key in file.keys {
      guard let word = word(of: key) else { continue }
      found.append(try EmbeddingFile.embedding(word, key, file, width: width))
    }
    return found
  }
}
