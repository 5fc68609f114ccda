import Diffusion
import Foundation
import Weights

/// The whole model as one file in the layout of the original Stable Diffusion, f32.
struct SingleFileCheckpoint: ExportFile {
  private let result: TunedResult

  init(_ result: TunedResult) { self.result = result }

  func fill(_ folder: URL) throws {
    try ModelWriter(
      result.model, changed: result.changedWeights, dtype: .f32, metadata: result.metadata(.model)
    ).writeSingleFile(result.file(in: folder))
  }

  func verify(_ folder: URL) throws {
    try result.requireEqual(
      to: try StableDiffusion(opening: result.file(in: folder), result.singleFileOptions))
  }
}
