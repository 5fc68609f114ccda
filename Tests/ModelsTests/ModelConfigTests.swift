import Foundation
import Models
import TestSupport
import Testing
import Weights

@Suite struct ModelConfigTests {
  /// The preset's file with some fields replaced; null removes a field.
  private func edited<Config: ModelConfig>(
    _ config: Config, _ edits: [String: JSONValue]
  ) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try config.write(to: folder.url)
    let url = folder.file("config.json")
    var fields = try JSONDecoder().decode(
      [String: JSONValue].self, from: Data(contentsOf: url))
    for (key, value) in edits { fields[key] = value == .null ? nil : value }
    try JSONEncoder().encode(fields).write(to: url)
    return folder
  }

  @Test func `what is written is read back`() throws {
    let folder = try TemporaryFolder()
    for config in [UNetConfig.sd15, .small, .tiny] {
      try config.write(to: folder.url)
      #expect(try UNetConfig(folder: folder.url) == config)
    }
    for config in [VAEConfig.sd15, .small, .tiny] {
      try config.write(to: folder.url)
      #expect(try VAEConfig(folder: folder.url) == config)
    }
    for config in [CLIPTextConfig.sd15, .small, .tiny] {
      try config.write(to: folder.url)
      #expect(try CLIPTextConfig(folder: folder.url) == config)
    }
  }

  @Test func `fields that older files lack have their old values`() throws {
    let unet = try edited(
      UNetConfig.sd15, ["use_linear_projection": .null, "upcast_attention": .null])
    #expect(try UNetConfig(folder: unet.url) == .sd15)
    let vae = try edited(VAEConfig.sd15, ["scaling_factor": .null])
    #expect(try VAEConfig(folder: vae.url).scalingFactor == 0.18215)
  }

  static let refused: [(edits: [String: JSONValue], reason: String)] = [
    (["_class_name": .string("UNet2DModel")], "\"UNet2DConditionModel\" is supported"),
    (["_class_name": .null], "_class_name is missing"),
    (["block_out_channels": .null], "'block_out_channels' is missing"),
    (["block_out_channels": .string("4")], "block_out_channels"),
    (
      ["down_block_types": .array([.string("SimpleCrossAttnDownBlock2D")])],
      "SimpleCrossAttnDownBlock2D"
    ),
    (["act_fn": .string("gelu")], "act_fn is \"gelu\""),
    (["addition_embed_type": .string("text_time")], "addition_embed_type"),
    (["flip_sin_to_cos": .bool(false)], "flip_sin_to_cos is false; true is supported"),
    (["block_out_channels": .array([.int(4)])], "need 1 entries"),
    (["block_out_channels": .array([.int(4), .int(6)])], "norm_num_groups 4"),
    (["attention_head_dim": .int(3)], "do not split"),
    (["attention_head_dim": .array([.int(2)])], "attention_head_dim needs"),
    (["layers_per_block": .int(0)], "layers_per_block"),
    (["cross_attention_dim": .int(1 << 40)], "width"),
    (["in_channels": .int(-4)], "width"),
    (["norm_num_groups": .int(0)], "norm_num_groups"),
  ]

  @Test(arguments: refused.indices)
  func `a config that this engine cannot compute is refused with the field`(index: Int) throws {
    let (edits, reason) = Self.refused[index]
    let folder = try edited(UNetConfig.tiny, edits)
    let error = #expect(throws: WeightError.self) { try UNetConfig(folder: folder.url) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func `a file that is no config is refused`() throws {
    let folder = try TemporaryFolder()
    #expect(throws: WeightError.self) { try VAEConfig(folder: folder.url) }
    _ = try folder.write("config.json", Array("[1]".utf8))
    #expect(throws: WeightError.self) { try VAEConfig(folder: folder.url) }
    let text = try edited(CLIPTextConfig.tiny, ["hidden_act": .string("swish")])
    #expect(throws: WeightError.self) { try CLIPTextConfig(folder: text.url) }
  }
}
