import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Weights

/// The models ask for exactly the keys and shapes of the public checkpoints.
@Suite struct KeyListTests {
  private struct Family: Decodable {
    var config: [String: JSONValue]
    var keys: [String: [Int]]
  }

  private static func check<Model: ModelComponent>(
    _ type: Model.Type, _ name: String, leftovers: Set<String> = []
  ) throws {
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/keys")
    let data = try Data(contentsOf: fixtures.appendingPathComponent("\(name).json"))
    let family = try JSONDecoder().decode(Family.self, from: data)
    let folder = try TemporaryFolder()
    try JSONEncoder().encode(family.config).write(to: folder.file("config.json"))
    let ledger = WeightLedger()
    let model = try Model(ledger.root, config: Model.Config(folder: folder.url))
    let asked = Dictionary(
      uniqueKeysWithValues: model.parameters.map { ($0.key, $0.tensor.shape.dims) })
    let expected = family.keys.filter { !leftovers.contains($0.key) }
    #expect(Set(asked.keys).subtracting(expected.keys).sorted() == [])
    #expect(Set(expected.keys).subtracting(asked.keys).sorted() == [])
    for (key, shape) in expected { #expect(asked[key] == shape, "\(key)") }
  }

  @Test(arguments: ["sd15.unet", "sd21.unet"])
  func `the U-Net's keys`(name: String) throws { try Self.check(UNet2DConditionModel.self, name) }

  @Test(arguments: ["sd15.vae", "sd21.vae"])
  func `the VAE's keys`(name: String) throws { try Self.check(AutoencoderKL.self, name) }

  @Test(arguments: ["sd15.text_encoder", "sd21.text_encoder"])
  func `the text encoder's keys`(name: String) throws {
    try Self.check(CLIPTextModel.self, name, leftovers: ["embeddings.position_ids"])
  }
}
