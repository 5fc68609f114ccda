import Diffusion
import Foundation
import Models
import Tensors
import Weights

/// The whole model as a folder in diffusers layout: changed parts in f32, adapters merged, all others byte for
/// byte as in the base.
struct DiffusersFolder: ExportFile {
  private let result: TunedResult

  init(_ result: TunedResult) { self.result = result }

  func fill(_ folder: URL) throws {
    try ModelWriter(
      result.model, changed: result.changedWeights, metadata: result.metadata(.model)
    ).writeFolder(folder)
  }

  func verify(_ folder: URL) throws {
    try result.requireEqual(to: try StableDiffusion(opening: folder))
  }
}

extension TunedResult {
  /// Holds a whole model that was reopened against the live one: changed parts bit for bit, then a picture.
  func requireEqual(to reopened: StableDiffusion) throws {
    for (part, parameters) in changedWeights.sorted(by: { $0.key < $1.key }) {
      let copies = part == "unet" ? reopened.unet.parameters : reopened.textEncoder.parameters
      guard parameters.count == copies.count else {
        throw TrainingError.exportDiffers(key: part)
      }
      for (ours, theirs) in zip(parameters, copies)
      where !ours.key.hasSuffix(theirs.key) && !theirs.key.hasSuffix(ours.key)
        || ours.tensor.values != theirs.tensor.values
      {
        throw TrainingError.exportDiffers(key: "\(part).\(ours.key)")
      }
    }
    try PictureCheck(self).requireEqual(model, try taught(reopened))
  }
}
