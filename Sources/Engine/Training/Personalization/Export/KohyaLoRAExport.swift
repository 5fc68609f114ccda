import Diffusion
import Foundation
import Weights

/// The adapters as kohya's scripts write them, for most user interfaces.
struct KohyaLoRAExport: ExportFile {
  private let result: TunedResult

  init(_ result: TunedResult) { self.result = result }

  func fill(_ folder: URL) throws {
    try KohyaLoRA.write(
      result.adapters, to: result.file(in: folder), metadata: result.metadata(.lora))
  }

  func verify(_ folder: URL) throws { try result.requireEqual(adapters: result.file(in: folder)) }
}
