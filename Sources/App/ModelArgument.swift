import Diffusion
import Foundation

/// The MODEL of the command line: a folder in diffusers layout, a single-file checkpoint, or a name under `models`.
enum ModelArgument {
  /// - Returns: a folder or a file that is there
  static func url(_ argument: String) throws(UsageError) -> URL {
    for path in [argument, "models/\(argument)", "models/\(argument).safetensors"] {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
        return URL(fileURLWithPath: path, isDirectory: isFolder.boolValue)
      }
    }
    throw UsageError(
      "model '\(argument)': no such folder or file, here or under models; a folder in diffusers "
        + "layout or a single-file checkpoint (.safetensors) is needed")
  }

  static func folder(_ argument: String) throws(UsageError) -> URL {
    let url = try url(argument)
    guard url.hasDirectoryPath else {
      throw UsageError(
        "model '\(argument)' is a file; a folder in diffusers layout is needed here, which "
          + "`dreambooth convert FILE FOLDER --to diffusers` makes of a single-file checkpoint")
    }
    return url
  }

  /// What a single file leaves open; CLIP's tokenizer lies under `models`.
  static func options(
    prediction: PredictionType? = nil, configuration: URL? = nil
  ) -> SingleFileOptions {
    let clip = URL(fileURLWithPath: "models/tokenizers/clip", isDirectory: true)
    let isThere = FileManager.default.fileExists(
      atPath: clip.appending(path: "tokenizer_config.json").path)
    return SingleFileOptions(
      prediction: prediction, configuration: configuration, tokenizer: isThere ? clip : nil)
  }

  /// `--prediction`
  static func prediction(_ name: String?) throws(UsageError) -> PredictionType? {
    guard let name else { return nil }
    guard let known = PredictionType(rawValue: name) else {
      throw UsageError("--prediction \(name): epsilon and v_prediction exist")
    }
    return known
  }

  static func open(
    _ argument: String, prediction: PredictionType? = nil, configuration: URL? = nil
  ) throws -> StableDiffusion {
    try StableDiffusion(
      opening: try url(argument),
      options(prediction: prediction, configuration: configuration))
  }

  /// The folder of one component; `model` may be that folder itself.
  static func component(_ name: String, of model: URL) throws(UsageError) -> URL {
    for folder in [model.appendingPathComponent(name, isDirectory: true), model] {
      let config = folder.appendingPathComponent("config.json").path
      if FileManager.default.fileExists(atPath: config) { return folder }
    }
    throw UsageError("\(model.path): neither \(name)/config.json nor config.json is there")
  }
}
