import Diffusion
import Foundation
import Models
import Weights

/// The `--adapter FILE[:WEIGHT]` of the command line: a file of low-rank updates, or the folder of one, and how much of
/// it is wanted.
struct AdapterArgument {
  let file: URL
  let strength: Float

  /// The names that diffusers and peft give such a file in its folder.
  private static let names = ["pytorch_lora_weights.safetensors", "adapter_model.safetensors"]

  init(_ argument: String) throws(UsageError) {
    var (path, strength) = (argument, Float(1))
    if !FileManager.default.fileExists(atPath: path), let colon = path.lastIndex(of: ":") {
      guard let number = Float(path[path.index(after: colon)...]), number.isFinite else {
        throw UsageError("--adapter \(argument): FILE or FILE:WEIGHT with a number is needed")
      }
      (path, strength) = (String(path[..<colon]), number)
    }
    let url = URL(fileURLWithPath: path)
    let candidates = [url] + Self.names.map { url.appendingPathComponent($0) }
    let found = candidates.first {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: $0.path, isDirectory: &isFolder)
        && !isFolder.boolValue
    }
    guard let found else { throw UsageError("--adapter \(argument): no such file") }
    (file, self.strength) = (found, strength)
  }

  /// Adds the updates to the model's weights, and the words that the file brings along.
  /// - Returns: those words
  func apply(to model: StableDiffusion) throws -> [String] {
    let opened = try SafetensorsFile(file)
    let updates = try LoRAFile.read(opened, for: model.adaptableLayers)
    let bundled = try BundledEmbeddings.read(
      opened, width: model.textEncoder.config.hiddenSize)
    if strength == 0 || updates.values.allSatisfy(\.hasNoEffect) {
      let line = "warning: no_effect: \(file.lastPathComponent) changes nothing\n"
      FileHandle.standardError.write(Data(line.utf8))
    }
    try model.apply(updates, strength: strength)
    for embedding in bundled { try model.learn(embedding.token, rows: embedding.vectors) }
    return bundled.map(\.token)
  }
}
