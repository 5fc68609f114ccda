package import Foundation
import Tensors

/// A model in diffusers layout: `model_index.json` and one folder for each component.
package struct ModelFolder {
  package struct Component: Equatable, Sendable {
    package var library: String
    package var className: String
  }

  package let url: URL
  package let components: [String: Component]

  package init(_ url: URL) throws(WeightError) {
    self.url = url
    let indexURL = url.appendingPathComponent("model_index.json")
    let index = try Self.json(indexURL)
    guard let pipeline = index["_class_name"] as? String else {
      throw .config(file: indexURL.shortName, reason: "it has no _class_name")
    }
    guard pipeline == "StableDiffusionPipeline" else {
      throw .config(
        file: indexURL.shortName,
        reason: "the pipeline is '\(pipeline)'; 'StableDiffusionPipeline' is supported")
    }
    var components: [String: Component] = [:]
    for (name, value) in index {
      // Absent parts (safety_checker, feature_extractor) are [null, null].
      guard let pair = value as? [Any], pair.count == 2, let library = pair[0] as? String,
        let className = pair[1] as? String
      else { continue }
      components[name] = Component(library: library, className: className)
    }
    self.components = components
  }

  /// The folder of a component.
  package func folder(_ component: String) throws(WeightError) -> URL {
    guard components[component] != nil else {
      throw .config(
        file: url.appendingPathComponent("model_index.json").shortName,
        reason: "it names no '\(component)'")
    }
    return url.appendingPathComponent(component, isDirectory: true)
  }

  /// Writes `model_index.json` of a Stable Diffusion pipeline without safety checker.
  package static func writeIndex(
    to url: URL, scheduler: String = "DDIMScheduler"
  ) throws(WeightError) {
    let index = """
      {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [null, null],
        "image_encoder": [null, null],
        "requires_safety_checker": false,
        "safety_checker": [null, null],
        "scheduler": ["diffusers", "\(scheduler)"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"]
      }

      """
    try AtomicFile.write(
      Data(index.utf8), to: url.appendingPathComponent("model_index.json"))
  }

  /// The weight files of one component's folder: a single file, or the shards its index names.
  /// - Parameter name: `diffusion_pytorch_model` (diffusers) or `model` (transformers)
  package static func weights(
    in folder: URL, name: String
  ) throws(WeightError) -> [SafetensorsFile] {
    let manager = FileManager.default
    for file in ["\(name).safetensors", "\(name).fp16.safetensors"] {
      let url = folder.appendingPathComponent(file)
      if manager.fileExists(atPath: url.path) { return [try SafetensorsFile(url)] }
    }
    let index = folder.appendingPathComponent("\(name).safetensors.index.json")
    if manager.fileExists(atPath: index.path) { return try shards(index) }
    let others = ((try? manager.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    for other in others where [".bin", ".ckpt", ".pt", ".pth"].contains(where: other.hasSuffix) {
      throw .pickle(file: folder.appendingPathComponent(other).shortName)
    }
    throw .unreadable(
      file: folder.appendingPathComponent("\(name).safetensors").shortName,
      reason: manager.fileExists(atPath: folder.path)
        ? "the folder has no such file" : "there is no such folder")
  }

  private static func shards(_ index: URL) throws(WeightError) -> [SafetensorsFile] {
    guard let map = try json(index)["weight_map"] as? [String: String], !map.isEmpty else {
      throw .config(file: index.shortName, reason: "it has no weight_map")
    }
    let folder = index.deletingLastPathComponent()
    var files: [SafetensorsFile] = []
    for name in Set(map.values).sorted() {
      guard !name.contains("/"), name.hasSuffix(".safetensors") else {
        throw .config(
          file: index.shortName, reason: "'\(name)' is not the name of a safetensors file beside it"
        )
      }
      let file = try SafetensorsFile(folder.appendingPathComponent(name))
      for key in file.keys where map[key] != name {
        throw .config(
          file: index.shortName,
          reason: "tensor '\(key)' lies in \(name), the weight_map says \(map[key] ?? "nothing")")
      }
      files.append(file)
    }
    return files
  }

  /// A JSON object from a small file.
  private static func json(_ url: URL) throws(WeightError) -> [String: Any] {
    let data = try SmallFile.read(url)
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw .config(file: url.shortName, reason: "it is not a JSON object")
    }
    return object
  }
}
