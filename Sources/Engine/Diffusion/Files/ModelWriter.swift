package import Foundation
import Models
package import Weights

/// Writes a model as a folder in diffusers layout or as one file in the original's layout. Parts that
/// nobody changed go along as they are: whole files byte for byte, tensors in their stored format.
package struct ModelWriter {
  private let model: StableDiffusion
  /// Parts with other weights than their files: `unet`, `text_encoder`, `vae`.
  private let changed: [String: ParameterList]
  /// Format of the weights written; nil keeps each tensor's own. Changed parts are f32 then.
  private let dtype: StoredDType?
  /// Text beside the weights.
  private let metadata: [String: String]

  package init(
    _ model: StableDiffusion, changed: [String: ParameterList] = [:], dtype: StoredDType? = nil,
    metadata: [String: String] = [:]
  ) {
    (self.model, self.changed) = (model, changed)
    (self.dtype, self.metadata) = (dtype, metadata)
  }

  private func weights(of part: String) -> ParameterList {
    let own =
      switch part {
      case "unet": model.unet.parameters
      case "vae": model.vae.parameters
      default: model.textEncoder.parameters
      }
    return changed[part] ?? own
  }

  private func dtype(of part: String) -> StoredDType? {
    dtype ?? (changed[part] == nil ? nil : .f32)
  }

  // MARK: - Folder

  /// - Parameter folder: is there and empty
  package func writeFolder(_ folder: URL) throws {
    try ModelFolder.writeIndex(to: folder, scheduler: model.schedule.config.className)
    for part in ["text_encoder", "unet", "vae"] {
      let target = try make(folder, part)
      if let source = source(part) {
        let isKept = changed[part] == nil && dtype == nil
        try copy(source, to: target) { isKept || !Self.isWeights($0) }
        if isKept { continue }
      } else {
        try writeConfig(part, to: target)
      }
      try weights(of: part).save(
        to: target.appendingPathComponent(
          part == "text_encoder" ? "model.safetensors" : "diffusion_pytorch_model.safetensors"),
        dtype: dtype(of: part), metadata: metadata.merging(["format": "pt"]) { $1 })
    }
    let tokenizer = try make(folder, "tokenizer")
    if let source = source("tokenizer") {
      try copy(source, to: tokenizer) { _ in true }
    } else {
      try model.tokenizer.save(to: tokenizer)
    }
    try writeSchedule(make(folder, "scheduler"))
  }

  private func make(_ folder: URL, _ part: String) throws -> URL {
    let target = folder.appendingPathComponent(part, isDirectory: true)
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    return target
  }

  /// The part's folder, if the model was opened from one.
  private func source(_ part: String) -> URL? {
    let folder = model.folder.appendingPathComponent(part, isDirectory: true)
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
  }

  private static func isWeights(_ file: String) -> Bool {
    file.hasSuffix(".safetensors") || file.hasSuffix(".safetensors.index.json")
  }

  /// Configuration, vocabulary and weights go along; other formats do not.
  private func copy(_ source: URL, to target: URL, where isCarried: (String) -> Bool) throws {
    for file in try FileManager.default.contentsOfDirectory(atPath: source.path).sorted()
    where [".json", ".txt", ".safetensors"].contains(where: file.hasSuffix) && isCarried(file) {
      try FileManager.default.copyItem(
        at: source.appendingPathComponent(file).resolvingSymlinksInPath(),
        to: target.appendingPathComponent(file))
    }
  }

  private func writeConfig(_ part: String, to folder: URL) throws(WeightError) {
    switch part {
    case "unet": try model.unet.config.write(to: folder)
    case "vae": try model.vae.config.write(to: folder)
    default: try model.textEncoder.config.write(to: folder)
    }
  }

  /// The base's own file, unless training has changed what it says.
  private func writeSchedule(_ folder: URL) throws {
    let (name, config) = ("scheduler_config.json", model.schedule.config)
    if let source = source("scheduler"),
      try SchedulerConfig(contentsOf: source.appendingPathComponent(name)) == config
    {
      return try copy(source, to: folder) { _ in true }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try AtomicFile.write(
      encoder.encode(config) + Data("\n".utf8), to: folder.appendingPathComponent(name))
  }

  // MARK: - One file

  package func writeSingleFile(_ url: URL) throws {
    let text = weights(of: "text_encoder")
    let (unet, vae) = (weights(of: "unet"), weights(of: "vae"))
    var writer = ForeignWriter()
    writer.add(unet, SingleFileLayout.unet(unet.map(\.key)), dtype: dtype(of: "unet"))
    writer.add(vae, SingleFileLayout.vae(vae.map(\.key)), dtype: dtype(of: "vae"))
    let keys = text.map(\.key)
    writer.add(
      text,
      ModelSpec.isVersion2(model) ? SingleFileLayout.openCLIP(keys) : SingleFileLayout.clip(keys),
      dtype: dtype(of: "text_encoder"))
    let configs = ModelConfigs(
      unet: model.unet.config, vae: model.vae.config, text: model.textEncoder.config,
      schedule: model.schedule.config, tokenizer: model.tokenizer)
    let own = ["format": "pt", ModelConfigs.metadataKey: try configs.json]
      .merging(ModelSpec.fields(of: model)) { $1 }
    try writer.write(to: url, metadata: own.merging(metadata) { $1 })
  }
}
