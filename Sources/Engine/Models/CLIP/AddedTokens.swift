import Foundation
import Weights

/// The words that a tokenizer's files add to its vocabulary, wherever they are written: `added_tokens_decoder` of
/// `tokenizer_config.json`, `added_tokens.json`, `added_tokens` of `tokenizer.json`.
///
/// A pipeline saved after Textual Inversion has them; skipping them would draw something else without a word.
struct AddedTokens {
  private(set) var tokens: [CLIPTokenizer.AddedToken] = []

  private struct Entry: Decodable {
    var id: Int?
    var content: String
    var single_word: Bool?
    var normalized: Bool?
  }
  private struct Settings: Decodable {
    var added_tokens_decoder: [String: Entry]?
  }
  private struct Combined: Decodable {
    var added_tokens: [Entry]?
  }

  init(
    folder: URL, vocabulary: [String: Int], special: CLIPTokenizer.SpecialTokens
  ) throws(WeightError) {
    var found: [String: (entry: Entry, id: Int, file: URL)] = [:]
    func add(_ entry: Entry, _ id: Int?, _ file: URL) throws(WeightError) {
      guard let id, id >= 0, !entry.content.isEmpty else {
        throw .config(
          file: file.shortName,
          reason: "an added token needs a content and an id, not '\(entry.content)'")
      }
      if let known = found[entry.content], known.id != id {
        throw .config(
          file: file.shortName,
          reason:
            "the added token '\(entry.content)' has id \(id), in \(known.file.lastPathComponent) "
            + "\(known.id)")
      }
      if found[entry.content] == nil { found[entry.content] = (entry, id, file) }
    }
    let settings = folder.appendingPathComponent("tokenizer_config.json")
    if let decoder = try Self.read(Settings.self, settings)?.added_tokens_decoder {
      for (id, entry) in decoder.sorted(by: { $0.key < $1.key }) {
        try add(entry, Int(id), settings)
      }
    }
    let combined = folder.appendingPathComponent("tokenizer.json")
    for entry in try Self.read(Combined.self, combined)?.added_tokens ?? [] {
      try add(entry, entry.id, combined)
    }
    let list = folder.appendingPathComponent("added_tokens.json")
    for (content, id) in (try Self.read([String: Int].self, list) ?? [:]).sorted(by: {
      $0.key < $1.key
    }) {
      try add(Entry(content: content), id, list)
    }
    let own = [special.start, special.end, special.padding, special.unknown]
    for (content, token) in found.sorted(by: { $0.key < $1.key }) {
      if let id = vocabulary[content], id != token.id {
        throw .config(
          file: token.file.shortName,
          reason: "the added token '\(content)' has id \(token.id), the vocabulary says \(id)")
      }
      // The special tokens are listed too, and are known already.
      if own.contains(content), vocabulary[content] != nil { continue }
      guard token.entry.single_word != true else {
        throw .config(
          file: token.file.shortName,
          reason: "the added token '\(content)' is marked single_word, which is not supported")
      }
      tokens.append(.init(content, id: token.id, isNormalized: token.entry.normalized ?? true))
    }
  }

  /// As transformers writes them.
  static func decoder(_ tokens: [CLIPTokenizer.AddedToken]) -> [String: JSONValue] {
    Dictionary(
      uniqueKeysWithValues: tokens.map { token in
        (
          String(token.id),
          .object([
            "content": .string(token.content), "lstrip": .bool(false), "rstrip": .bool(false),
            "normalized": .bool(token.isNormalized), "single_word": .bool(false),
            "special": .bool(false),
          ])
        )
      })
  }

  private static func read<Value: Decodable>(
    _ type: Value.Type, _ file: URL
  ) throws(WeightError) -> Value? {
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let data = try SmallFile.read(file)
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw .config(file: file.shortName, reason: "its added tokens cannot be read: \(error)")
    }
  }
}
