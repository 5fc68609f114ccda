package import Foundation
package import Weights

/// The files of a tokenizer's folder: `vocab.json` and `merges.txt`, or both within `tokenizer.json`;
/// `tokenizer_config.json` and `special_tokens_map.json` beside them.
extension CLIPTokenizer {
  private struct Token: Decodable {
    let content: String
    init(from decoder: any Decoder) throws {
      let box = try decoder.singleValueContainer()
      if let text = try? box.decode(String.self) {
        content = text
      } else {
        content =
          try box.decode([String: JSONValue].self)["content"].flatMap {
            if case .string(let text) = $0 { text } else { nil }
          } ?? ""
      }
    }
  }

  private struct Settings: Decodable {
    var tokenizer_class: String?
    var model_max_length: Double?
    var bos_token: Token?
    var eos_token: Token?
    var pad_token: Token?
    var unk_token: Token?
  }

  package init(folder: URL) throws(WeightError) {
    func url(_ name: String) -> URL { folder.appendingPathComponent(name) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: url(name).path) }
    let settings = try Self.decode(Settings.self, url("tokenizer_config.json"))
    if let name = settings.tokenizer_class,
      !["CLIPTokenizer", "CLIPTokenizerFast"].contains(name)
    {
      throw .config(
        file: url("tokenizer_config.json").shortName,
        reason: "tokenizer_class is '\(name)'; 'CLIPTokenizer' is supported")
    }
    let map =
      exists("special_tokens_map.json")
      ? try Self.decode(Settings.self, url("special_tokens_map.json")) : nil
    var special = SpecialTokens()
    special.start = (settings.bos_token ?? map?.bos_token)?.content ?? special.start
    special.end = (settings.eos_token ?? map?.eos_token)?.content ?? special.end
    special.padding = (settings.pad_token ?? map?.pad_token)?.content ?? special.padding
    special.unknown = (settings.unk_token ?? map?.unk_token)?.content ?? special.unknown
    let length = settings.model_max_length ?? 77
    guard length >= 2, length <= 4096 else {
      throw .config(
        file: url("tokenizer_config.json").shortName,
        reason: "model_max_length is \(length); the text model's number of positions is needed, "
          + "77 in Stable Diffusion")
    }
    let (vocabulary, merges) =
      exists("vocab.json")
      ? (
        try Self.decode([String: Int].self, url("vocab.json")),
        try Self.merges(url("merges.txt"))
      ) : try Self.combined(url("tokenizer.json"))
    guard
      let tokenizer = CLIPTokenizer(
        vocabulary: vocabulary, merges: merges, special: special, maxLength: Int(length),
        added: try AddedTokens(folder: folder, vocabulary: vocabulary, special: special).tokens)
    else {
      throw .config(
        file: folder.shortName, reason: "a special token (\(special)) is not in the vocabulary")
    }
    self = tokenizer
  }

  private static func decode<Value: Decodable>(
    _ type: Value.Type, _ url: URL
  ) throws(WeightError) -> Value {
    let data = try SmallFile.read(url)
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw .config(file: url.shortName, reason: "it is not what a tokenizer writes: \(error)")
    }
  }

  /// A line for each merge; the first line names the version.
  private static func merges(_ url: URL) throws(WeightError) -> [(left: String, right: String)] {
    let lines = String(decoding: try SmallFile.read(url), as: UTF8.self)
      .split(whereSeparator: \.isNewline)
    return try merges(lines.filter { !$0.hasPrefix("#version") }.map(String.init), url)
  }

  private static func merges(
    _ lines: [String], _ url: URL
  ) throws(WeightError) -> [(left: String, right: String)] {
    var merges: [(left: String, right: String)] = []
    for line in lines {
      let parts = line.split(separator: " ")
      guard parts.count == 2 else {
        throw .config(file: url.shortName, reason: "'\(line)' is not a pair of symbols")
      }
      merges.append((String(parts[0]), String(parts[1])))
    }
    return merges
  }

  private struct Combined: Decodable {
    struct Model: Decodable {
      var vocab: [String: Int]
      var merges: [Merge]
    }
    /// `"a b"` in older files, `["a", "b"]` in newer.
    struct Merge: Decodable {
      var line: String
      init(from decoder: any Decoder) throws {
        let box = try decoder.singleValueContainer()
        line =
          try (try? box.decode(String.self))
          ?? box.decode([String].self).joined(separator: " ")
      }
    }
    var model: Model
  }

  private static func combined(
    _ url: URL
  ) throws(WeightError) -> ([String: Int], [(left: String, right: String)]) {
    let file = try decode(Combined.self, url)
    return (file.model.vocab, try merges(file.model.merges.map(\.line), url))
  }

  /// Writes the four files that every reader of Stable Diffusion folders knows.
  package func save(to folder: URL) throws(WeightError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let map = [
      "bos_token": special.start, "eos_token": special.end, "pad_token": special.padding,
      "unk_token": special.unknown,
    ]
    var settings = map.mapValues { JSONValue.string($0) }
    settings["tokenizer_class"] = .string("CLIPTokenizer")
    settings["model_max_length"] = .int(maxLength)
    settings["do_lower_case"] = .bool(true)
    settings["add_prefix_space"] = .bool(false)
    settings["errors"] = .string("replace")
    if !added.isEmpty { settings["added_tokens_decoder"] = .object(AddedTokens.decoder(added)) }
    let lines = ["#version: 0.2"] + merges.map { "\($0.left) \($0.right)" }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (name, data) in [
        ("vocab.json", try encoder.encode(vocabulary)),
        ("merges.txt", Data((lines.joined(separator: "\n") + "\n").utf8)),
        ("tokenizer_config.json", try encoder.encode(settings)),
        ("special_tokens_map.json", try encoder.encode(map)),
      ] {
        try AtomicFile.write(data, to: folder.appendingPathComponent(name))
      }
    } catch let error as WeightError {
      throw error
    } catch {
      throw .writeFailed(
        file: folder.shortName, reason: error.localizedDescription,
        code: SystemError.code(of: error) ?? 0)
    }
  }
}
