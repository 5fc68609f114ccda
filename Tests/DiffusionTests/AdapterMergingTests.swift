import Diffusion
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct AdapterMergingTests {
  private let model: StableDiffusion
  init() throws {
    let folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("tiny"))
    model = try StableDiffusion(opening: folder.file("tiny"))
  }

  private func normal(_ shape: [Int], _ index: Int) -> Tensor {
    Philox(seed: 5).draw(.test, index: index).normal(Shape(shape))
  }

  private func weight(_ path: String) throws -> Tensor {
    let key = try #require(path.split(separator: ".", maxSplits: 1).last)
    let parameters = path.hasPrefix("unet.") ? model.unet.parameters : model.textEncoder.parameters
    return try #require(
      parameters["\(key).weight"] ?? parameters["text_model.\(key).weight"])
  }

  /// In double precision, by loops.
  private func expected(_ update: LowRankUpdate, _ weight: Tensor, _ strength: Double) -> [Float] {
    let (out, rows) = (weight.shape[0], weight.count / weight.shape[0])
    let (down, up, w) = (update.down.values, update.up.values, weight.values)
    let scale = strength * Double(update.alpha) / Double(update.rank)
    return (0..<out).flatMap { o -> [Float] in
      let row = (0..<rows).map { i -> Double in
        let product = (0..<update.rank).reduce(0.0) {
          $0 + Double(up[o * update.rank + $1]) * Double(down[$1 * rows + i])
        }
        return Double(w[o * rows + i]) + scale * product
      }
      let norm = row.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
      let factor = update.magnitude.map { Double($0.values[o]) / norm } ?? 1
      return row.map { Float($0 * factor) }
    }
  }

  private static let matrix = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
  private static let kernel = "unet.down_blocks.0.resnets.0.conv1"
  private static let text = "text_encoder.encoder.layers.0.self_attn.q_proj"

  private func update(_ path: String, dora: Bool = false) throws -> LowRankUpdate {
    let dims = try weight(path).shape.dims
    return LowRankUpdate(
      down: normal([2] + dims.dropFirst(), 1),
      up: normal([dims[0], 2] + dims.dropFirst(2).map { _ in 1 }, 2), alpha: 3,
      magnitude: dora ? normal([dims[0]], 3) : nil)
  }

  @Test(arguments: [matrix, kernel, text], [false, true])
  func `an update changes its layer by the formula`(path: String, dora: Bool) throws {
    let (update, weight) = (try update(path, dora: dora), try weight(path))
    let expected = expected(update, weight, 0.5)
    try model.apply([path: update], strength: 0.5)
    for (found, wanted) in zip(weight.values, expected) {
      // Two factors of f32 and a sum; weights are of order one.
      #expect(abs(found - wanted) < 1e-5)
    }
  }

  @Test func `several adapters add up, whatever is left out stays`() throws {
    let other = try weight("unet.mid_block.resnets.0.conv1").values
    let once = try update(Self.matrix)
    let weight = try weight(Self.matrix)
    let twice = expected(once, weight, 2)
    try model.apply([Self.matrix: once])
    try model.apply([Self.matrix: once])
    for (found, wanted) in zip(weight.values, twice) { #expect(abs(found - wanted) < 1e-5) }
    #expect(try self.weight("unet.mid_block.resnets.0.conv1").values == other)
  }

  @Test func `P38 layers that the model does not have are refused, none is changed`() throws {
    let before = try weight(Self.matrix).values
    let one = try update(Self.matrix)
    #expect(throws: WeightError.unused(keys: ["unet.nowhere"])) {
      try model.apply([Self.matrix: one, "unet.nowhere": one])
    }
    #expect(try weight(Self.matrix).values == before)
  }

  @Test func `P38 an adapter of zeros has no effect, and says so`() throws {
    let zeros = LowRankUpdate(down: normal([2, 4], 1), up: Tensor.zeros([4, 2]), alpha: 2)
    #expect(zeros.hasNoEffect)
    #expect(try !update(Self.matrix).hasNoEffect)
    let before = try weight(Self.matrix).values
    try model.apply([Self.matrix: zeros])
    #expect(try weight(Self.matrix).values == before)
  }

  @Test func `copies with updates leave the model as it is`() throws {
    let one = try update(Self.matrix)
    let (before, key) = (try weight(Self.matrix), String(Self.matrix.dropFirst(5)) + ".weight")
    let values = before.values
    let merged = try #require(model.parameters(of: "unet", with: [Self.matrix: one])[key])
    #expect(merged.values != values && before.values == values)
    try model.apply([Self.matrix: one])
    #expect(before.values == merged.values)
  }
}
