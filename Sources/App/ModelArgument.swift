import Foundation

/// The `--model` of the command line: a folder, or a name under `models`.
enum ModelArgument {
  static func folder(_ argument: String) throws(UsageError) -> URL {
    for path in [argument, "models/\(argument)"] {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
        return URL(fileURLWithPath: path, isDirectory: true)
      }
    }
    throw UsageError(
      "model '\(argument)': no such folder, here or under models; "
        + "a folder in diffusers layout is needed")
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
