import Contract
import Foundation
import HTTP

/// What full fine-tuning holds at the least, from the parameter counts in the model's files:
///
///     bytes = 4 (trained * (weight + gradient + two moments) + frozen)
struct MemoryEstimate {
  let lowerBound: Int
  /// Weights and moments of what is trained.
  let checkpointBytes: Int

  init(_ recipe: TrainingRecipe, _ model: URL) throws(Problem) {
    let parameters = ["unet", "text_encoder", "vae"].map {
      Self.parameters(model.appending(path: $0))
    }
    let trained = parameters[0] + (recipe.trainTextEncoder ? parameters[1] : 0)
    let frozen = parameters.reduce(0, +) - trained
    let ema = recipe.training.emaDecay == nil ? 0 : 1
    lowerBound = 4 * (trained * (4 + ema) + frozen)
    checkpointBytes = 4 * trained * (3 + ema)
  }

  /// Elements of all tensors in the safetensors files of a folder, read from their headers.
  private static func parameters(_ folder: URL) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".safetensors") }.reduce(0) { sum, name in
      sum + parameters(ofFile: folder.appending(path: name))
    }
  }

  private static func parameters(ofFile file: URL) -> Int {
    guard let handle = try? FileHandle(forReadingFrom: file) else { return 0 }
    defer { try? handle.close() }
    guard let prefix = try? handle.read(upToCount: 8), prefix.count == 8 else { return 0 }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= 16 << 20, let header = try? handle.read(upToCount: Int(length)),
      let tensors = try? JSONSerialization.jsonObject(with: header) as? [String: Any]
    else { return 0 }
    return tensors.values.reduce(0) { sum, value in
      guard let shape = (value as? [String: Any])?["shape"] as? [Int],
        shape.allSatisfy({ (0...1_000_000_000).contains($0) })
      else { return sum }
      let count = shape.reduce(into: 1) { product, side in
        product = product.multipliedReportingOverflow(by: side).partialValue
      }
      return sum &+ max(0, count)
    }
  }
}
