import Foundation
import Models
import Weights

/// The configurations of a whole model: what a folder in diffusers layout says in five files.
struct ModelConfigs {
  var unet: UNetConfig
  var vae: VAEConfig
  var text: CLIPTextConfig
  var schedule: SchedulerConfig
  /// nil for CLIP's own, which is known by its name.
  var tokenizer: CLIPTokenizer?

  init(
    unet: UNetConfig, vae: VAEConfig, text: CLIPTextConfig, schedule: SchedulerConfig,
    tokenizer: CLIPTokenizer?
  ) {
    (self.unet, self.vae, self.text) = (unet, vae, text)
    (self.schedule, self.tokenizer) = (schedule, tokenizer)
  }

  /// Of a single file: those of a folder that the user names, its own, or what its shapes say.
  init(of file: SafetensorsFile, _ options: SingleFileOptions) throws {
    if let folder = options.configuration {
      self = try ModelConfigs(folder: folder)
      // The file knows its own network; the folder only lends its shapes and words.
      try SingleFileInference(file: file).state(&schedule)
    } else if let json = file.metadata[Self.metadataKey] {
      self = try ModelConfigs(json: json, file: file.url.shortName)
    } else {
      self = try SingleFileInference(file: file).configs(prediction: options.prediction)
    }
    guard let prediction = options.prediction else { return }
    schedule.prediction = prediction
    guard !schedule.zeroTerminalSNR || prediction == .velocity else {
      throw WeightError.config(
        file: file.url.shortName,
        reason: "its schedule ends in pure noise (ztsnr), from which nothing can be told by "
          + "predicting noise; leave --prediction out")
    }
  }

  /// From a folder in diffusers layout; its weights are not looked at.
  init(folder: URL) throws {
    let model = try ModelFolder(folder)
    unet = try UNetConfig(folder: try model.folder("unet"))
    vae = try VAEConfig(folder: try model.folder("vae"))
    text = try CLIPTextConfig(folder: try model.folder("text_encoder"))
    schedule = try SchedulerConfig(
      contentsOf: try model.folder("scheduler").appendingPathComponent("scheduler_config.json"))
    tokenizer = try CLIPTokenizer(folder: try model.folder("tokenizer"))
  }
}

// MARK: - In a file's metadata

extension ModelConfigs {
  /// The name under which files written here carry their configurations, so that any shape can be opened again.
  static let metadataKey = "dreambooth.configs"

  private struct Words: Codable {
    var vocabulary: [String: Int]
    var merges: [String]
    var padding: String
    var maxLength: Int
    var added: [CLIPTokenizer.AddedToken]?
  }

  /// CLIP's own 49,408 tokens need not be carried.
  static func isStandard(_ tokenizer: CLIPTokenizer) -> Bool {
    tokenizer.vocabulary.count == 49_408 && tokenizer.added.isEmpty
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      func value(_ encodable: some Encodable) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: encoder.encode(encodable))
      }
      var parts: [String: JSONValue] = [
        "unet": .object(try unet.fields), "vae": .object(try vae.fields),
        "text_encoder": .object(try text.fields), "scheduler": try value(schedule),
      ]
      if let tokenizer, !Self.isStandard(tokenizer) {
        parts["tokenizer"] = try value(
          Words(
            vocabulary: tokenizer.vocabulary,
            merges: tokenizer.merges.map { "\($0.left) \($0.right)" },
            padding: tokenizer.special.padding, maxLength: tokenizer.maxLength,
            added: tokenizer.added.isEmpty ? nil : tokenizer.added))
      }
      return String(decoding: try encoder.encode(parts), as: UTF8.self)
    }
  }

  init(json: String, file: String) throws {
    let source = "\(file), \(Self.metadataKey)"
    func refuse(_ reason: String) -> WeightError { .config(file: source, reason: reason) }
    guard let parts = try? JSONDecoder().decode([String: JSONValue].self, from: Data(json.utf8))
    else { throw refuse("it is not a JSON object") }
    func part(_ name: String) throws -> Data {
      guard let value = parts[name] else { throw refuse("it has no '\(name)'") }
      return try JSONEncoder().encode(value)
    }
    unet = try UNetConfig(json: try part("unet"), file: "\(source), unet")
    vae = try VAEConfig(json: try part("vae"), file: "\(source), vae")
    text = try CLIPTextConfig(json: try part("text_encoder"), file: "\(source), text_encoder")
    do {
      schedule = try JSONDecoder().decode(SchedulerConfig.self, from: try part("scheduler"))
    } catch let error as DecodingError {
      throw DiffusionError.invalidSchedule(file: source, reason: reason(of: error))
    }
    guard parts["tokenizer"] != nil else { return }
    guard let words = try? JSONDecoder().decode(Words.self, from: try part("tokenizer")),
      words.maxLength >= 2, words.maxLength <= 4096
    else { throw refuse("its tokenizer cannot be read") }
    let merges = try words.merges.map { line -> (left: String, right: String) in
      let pair = line.split(separator: " ")
      guard pair.count == 2 else { throw refuse("'\(line)' is not a pair of symbols") }
      return (String(pair[0]), String(pair[1]))
    }
    tokenizer = CLIPTokenizer(
      vocabulary: words.vocabulary, merges: merges,
      special: CLIPTokenizer.SpecialTokens(padding: words.padding), maxLength: words.maxLength,
      added: words.added ?? [])
    guard tokenizer != nil else { throw refuse("its tokenizer lacks a special token") }
  }
}
