import Diffusion
import Foundation
import Tensors
import Weights

/// The adapters as diffusers and peft write them.
struct DiffusersLoRAExport: ExportFile {
  private let result: TunedResult
  /// The name that `load_lora_weights` looks for in a folder.
  static let fileName = "pytorch_lora_weights.safetensors"

  init(_ result: TunedResult) { self.result = result }

  func fill(_ folder: URL) throws {
    try DiffusersLoRA.write(
      result.adapters, to: folder.appendingPathComponent(Self.fileName),
      metadata: result.metadata(.lora))
  }

  func verify(_ folder: URL) throws {
    try result.requireEqual(adapters: folder.appendingPathComponent(Self.fileName))
  }
}

extension TunedResult {
  /// Holds an adapter file that was reopened against the live adapters: number by number, then a picture of a
  /// base opened anew with the file applied.
  func requireEqual(adapters file: URL) throws {
    let base = try openBase()
    let reopened = try LoRAFile.read(file, for: base.adaptableLayers)
    for path in Set(adapters.keys).union(reopened.keys).sorted() {
      guard let ours = adapters[path], let theirs = reopened[path], ours.alpha == theirs.alpha,
        ours.down.values == theirs.down.values, ours.up.values == theirs.up.values,
        ours.magnitude?.values == theirs.magnitude?.values
      else { throw TrainingError.exportDiffers(key: path) }
    }
    try base.apply(reopened)
    try PictureCheck(self).requireEqual(model, try taught(base))
  }
}
