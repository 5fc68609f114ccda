import Foundation
import Testing
import Weights

/// Against the names that diffusers' converters give (`Tools/golden/foreign_keys.py`).
@Suite struct SingleFileLayoutTests {
  static func fixture<Value: Decodable>(_ name: String, _ type: Value.Type) throws -> Value {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = tests.appending(path: "Fixtures/keys/\(name).json")
    return try JSONDecoder().decode(type, from: Data(contentsOf: file))
  }

  /// Their names to ours, a third of a fused tensor as `name[0]`.
  private func theirs(_ places: TensorPlaces) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: places.map { ours, place in
        (place.key + (place.third.map { "[\($0)]" } ?? ""), ours)
      })
  }

  @Test(arguments: ["sd15", "sd21"])
  func `every tensor of a checkpoint has the original's name`(family: String) throws {
    let pairs = try Self.fixture("\(family).single_file", [String: [String: String]].self)
    for (part, expected) in pairs {
      let keys = Array(expected.values)
      let places =
        switch part {
        case "unet": SingleFileLayout.unet(keys)
        case "vae": SingleFileLayout.vae(keys)
        default: family == "sd15" ? SingleFileLayout.clip(keys) : SingleFileLayout.openCLIP(keys)
        }
      #expect(theirs(places) == expected, "\(part)")
    }
  }

  @Test func `the VAE's attention is a kernel there and a matrix here, the rest is alike`() {
    let path = "encoder.mid_block.attentions.0"
    let places = SingleFileLayout.vae([
      "\(path).to_q.weight", "\(path).to_q.bias", "\(path).group_norm.weight",
      "decoder.up_blocks.0.resnets.0.conv1.weight",
    ])
    #expect(places.filter(\.value.isKernel).map(\.key) == ["\(path).to_q.weight"])
  }

  @Test func `a text encoder with and without its prefix has the same names there`() {
    let key = "encoder.layers.0.mlp.fc1.bias"
    let place = TensorPlace("cond_stage_model.model.transformer.resblocks.0.mlp.c_fc.bias")
    #expect(SingleFileLayout.openCLIP([key])[key] == place)
    #expect(SingleFileLayout.openCLIP(["text_model.\(key)"])["text_model.\(key)"] == place)
  }

  @Test(arguments: [
    ("model_ema.decay", true), ("alphas_cumprod", true), ("cond_stage_model.logit_scale", true),
    ("cond_stage_model.transformer.text_model.embeddings.position_ids", true),
    ("model.diffusion_model.input_blocks.0.0.weight", false), ("lora_unet_x.alpha", false),
  ])
  func `what an original checkpoint holds besides is known`(key: String, isKnown: Bool) {
    #expect(SingleFileLayout.isKnownLeftover(key) == isKnown)
  }
}
