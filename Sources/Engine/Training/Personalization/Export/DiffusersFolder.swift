package import Contract
package import Diffusion
package import Foundation
import Models
import Tensors
import Weights

/// Writes a tuned model as a complete folder in diffusers layout: trained parts in f32, all others byte for byte
/// as in the base. It appears whole or not at all, and is opened again and compared before it is offered.
package struct DiffusersFolder {
  private let model: StableDiffusion
  /// `unet`, and `text_encoder` if it was trained.
  private let trained: [String: ParameterList]
  /// Text beside the weights: trigger, class, base, build.
  private let provenance: [String: String]

  package init(_ model: StableDiffusion, trainTextEncoder: Bool, provenance: [String: String]) {
    (self.model, self.provenance) = (model, provenance)
    trained =
      trainTextEncoder
      ? ["unet": model.unet.parameters, "text_encoder": model.textEncoder.parameters]
      : ["unet": model.unet.parameters]
  }

  package static let parts = ["scheduler", "text_encoder", "tokenizer", "unet", "vae"]

  /// - Parameter name: the artifact's folder below `parent`
  package func write(_ name: String, in parent: URL) throws -> WorkEvent.Artifact {
    let target = parent.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    try Durable.folder(at: target, contents: fill, verify: verify)
    return WorkEvent.Artifact(format: "diffusers", folder: name, files: try files(in: target))
  }

  private func fill(_ folder: URL) throws {
    try ModelFolder.writeIndex(to: folder)
    try keepSchedulerClass(folder.appendingPathComponent("model_index.json"))
    for part in Self.parts {
      let (source, target) = (
        model.folder.appendingPathComponent(part), folder.appendingPathComponent(part)
      )
      try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
      for file in try FileManager.default.contentsOfDirectory(atPath: source.path).sorted()
      where isCarried(file, isTrained: trained[part] != nil) {
        try FileManager.default.copyItem(
          at: source.appendingPathComponent(file), to: target.appendingPathComponent(file))
      }
      if let parameters = trained[part] {
        let file = part == "unet" ? "diffusion_pytorch_model" : "model"
        try parameters.save(
          to: target.appendingPathComponent("\(file).safetensors"), dtype: .f32,
          metadata: provenance.merging(["format": "pt"]) { $1 })
      }
    }
  }

  /// Configuration and vocabulary go along, and the weights of parts that were not trained; other formats do not.
  private func isCarried(_ file: String, isTrained: Bool) -> Bool {
    let isIndex = file.hasSuffix(".safetensors.index.json")
    if file.hasSuffix(".safetensors") || isIndex { return !isTrained }
    return file.hasSuffix(".json") || file.hasSuffix(".txt")
  }

  /// The index names the class that the scheduler's own file names.
  private func keepSchedulerClass(_ index: URL) throws {
    let text = String(decoding: try Data(contentsOf: index), as: UTF8.self)
    let named = text.replacing("\"DDIMScheduler\"", with: "\"\(model.schedule.config.className)\"")
    try Data(named.utf8).write(to: index)
  }

  private func verify(_ folder: URL) throws {
    let copy = try StableDiffusion(opening: folder)
    let reopened = ["unet": copy.unet.parameters, "text_encoder": copy.textEncoder.parameters]
    for (part, parameters) in trained.sorted(by: { $0.key < $1.key }) {
      for (ours, theirs) in zip(parameters, reopened[part] ?? ParameterList([]))
      where ours.key != theirs.key || ours.tensor.values != theirs.tensor.values {
        throw TrainingError.exportDiffers(key: "\(part).\(ours.key)")
      }
    }
  }

  private func files(in folder: URL) throws -> [WorkEvent.Artifact.File] {
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
