import Contract
import Foundation

/// The shapes of all tensors in the safetensors files of a folder, read from their headers.
struct TensorShapes {
  let shapes: [String: [Int]]

  init(_ folder: URL) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    self.init(
      names.filter { $0.hasSuffix(".safetensors") }.reduce(into: [:]) { shapes, name in
        shapes.merge(Self.shapes(ofFile: folder.appending(path: name))) { first, _ in first }
      })
  }

  init(_ shapes: [String: [Int]]) { self.shapes = shapes }

  var values: Int { shapes.values.reduce(0) { $0 &+ Self.count($1) } }

  /// Values of what is no vector.
  var matrixValues: Int {
    shapes.values.reduce(0) { $1.count > 1 ? $0 &+ Self.count($1) : $0 }
  }

  /// Values of the largest tensor.
  var largest: Int { shapes.values.map(Self.count).max() ?? 0 }

  /// Width of a token's row; some files leave out the `text_model.` before it.
  var vectorWidth: Int { embedding("token_embedding.weight")?.last ?? 0 }

  /// Tokens of a text.
  var textLength: Int { embedding("position_embedding.weight")?.first ?? 77 }

  private func embedding(_ name: String) -> [Int]? {
    shapes.first { $0.key.hasSuffix("embeddings.\(name)") }?.value
  }

  func values(endingIn ends: [String]) -> Int {
    shapes.reduce(0) { sum, tensor in
      ends.contains(where: tensor.key.hasSuffix) ? sum &+ Self.count(tensor.value) : sum
    }
  }

  /// Values of rank r beside a weight of `[out, in, ...]`: r (out + in ...), and `out` magnitudes of DoRA.
  func adapters(_ layers: [String], _ lora: TrainingRecipe.LoRA) -> Int {
    let ends = layers.map { "\($0).weight" }
    return shapes.reduce(0) { sum, tensor in
      let (name, shape) = tensor
      guard shape.count > 1, ends.contains(where: name.hasSuffix) else { return sum }
      let out = shape[0]
      let inputs = Self.count(Array(shape.dropFirst()))
      return sum &+ lora.rank &* (out &+ inputs) &+ (lora.dora ? out : 0)
    }
  }

  private static func count(_ shape: [Int]) -> Int {
    shape.reduce(into: 1) { $0 = $0.multipliedReportingOverflow(by: $1).partialValue }
  }

  private static func shapes(ofFile file: URL) -> [String: [Int]] {
    guard let handle = try? FileHandle(forReadingFrom: file) else { return [:] }
    defer { try? handle.close() }
    guard let prefix = try? handle.read(upToCount: 8), prefix.count == 8 else { return [:] }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= 16 << 20, let header = try? handle.read(upToCount: Int(length)),
      let tensors = try? JSONSerialization.jsonObject(with: header) as? [String: Any]
    else { return [:] }
    return tensors.compactMapValues { value in
      guard let shape = (value as? [String: Any])?["shape"] as? [Int],
        shape.allSatisfy({ (0...1_000_000_000).contains($0) })
      else { return nil }
      return shape
    }
  }
}
