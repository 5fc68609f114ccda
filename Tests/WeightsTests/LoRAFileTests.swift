import Foundation
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct LoRAFileTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func tensor(_ shape: [Int], _ index: Int = 0) -> Tensor {
    Philox(seed: 3).draw(.test, index: index).normal(Shape(shape))
  }

  private func parameters(_ shapes: [String: [Int]]) -> ParameterList {
    ParameterList(
      shapes.map {
        Parameter(
          key: $0.key, fileKey: $0.key, tensor: Tensor.zeros(Shape($0.value)), storedDType: .f32)
      })
  }

  private static let attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn1"
  private static let text = "encoder.layers.0.self_attn.q_proj"

  private var layers: AdaptableLayers {
    AdaptableLayers(
      unet: parameters([
        "\(Self.attention).to_q.weight": [6, 4], "\(Self.attention).to_out.0.weight": [4, 6],
        "\(Self.attention).to_out.0.bias": [4],
        "down_blocks.0.resnets.0.conv1.weight": [4, 4, 3, 3],
        "down_blocks.0.attentions.0.proj_in.weight": [4, 4, 1, 1],
      ]),
      textEncoder: parameters([
        "text_model.\(Self.text).weight": [8, 8], "text_model.\(Self.text).bias": [8],
        "text_model.embeddings.token_embedding.weight": [10, 8],
      ]))
  }

  private func updates(dora: Bool = false, alpha: Float = 2) -> LowRankUpdates {
    func update(_ out: Int, _ into: [Int], rank: Int = 2, _ index: Int) -> LowRankUpdate {
      LowRankUpdate(
        down: tensor([rank] + into, index),
        up: tensor([out, rank] + into.dropFirst().map { _ in 1 }, index + 1), alpha: alpha,
        magnitude: dora ? tensor([out], index + 2) : nil)
    }
    return [
      "unet.\(Self.attention).to_q": update(6, [4], 0),
      "unet.\(Self.attention).to_out.0": update(4, [6], rank: 3, 3),
      "unet.down_blocks.0.resnets.0.conv1": update(4, [4, 3, 3], 6),
      "unet.down_blocks.0.attentions.0.proj_in": update(4, [4, 1, 1], 9),
      "text_encoder.\(Self.text)": update(8, [8], 12),
    ]
  }

  private func requireEqual(_ found: LowRankUpdates, _ expected: LowRankUpdates) {
    #expect(found.keys.sorted() == expected.keys.sorted())
    for (path, update) in expected {
      #expect(found[path]?.down.values == update.down.values, "\(path)")
      #expect(found[path]?.up.values == update.up.values, "\(path)")
      #expect(found[path]?.down.shape == update.down.shape, "\(path)")
      #expect(found[path]?.alpha == update.alpha, "\(path)")
      #expect(found[path]?.magnitude?.values == update.magnitude?.values, "\(path)")
    }
  }

  private func write(_ tensors: [String: Tensor], metadata: [String: String] = [:]) throws -> URL {
    var writer = SafetensorsWriter(metadata: metadata)
    for (key, tensor) in tensors { writer.add(key, tensor) }
    let url = folder.file("lora.safetensors")
    try writer.write(to: url)
    return url
  }

  // MARK: - Round trips

  @Test(arguments: [false, true])
  func `P38 both forms give back what was written, kernels, alpha and magnitudes too`(
    dora: Bool
  ) throws {
    let updates = updates(dora: dora, alpha: 5)
    let url = folder.file("lora.safetensors")
    try DiffusersLoRA.write(updates, to: url)
    requireEqual(try LoRAFile.read(url, for: layers), updates)
    try KohyaLoRA.write(updates, to: url)
    requireEqual(try LoRAFile.read(url, for: layers), updates)
  }

  @Test func `P38 the two forms have the keys of their tools`() throws {
    let one = updates().filter { $0.key.hasSuffix("to_q") || $0.key.hasPrefix("text") }
    let url = folder.file("lora.safetensors")
    try DiffusersLoRA.write(one, to: url)
    #expect(
      try SafetensorsFile(url).keys == [
        "text_encoder.text_model.\(Self.text).lora_A.weight",
        "text_encoder.text_model.\(Self.text).lora_B.weight",
        "unet.\(Self.attention).to_q.lora_A.weight", "unet.\(Self.attention).to_q.lora_B.weight",
      ])
    try KohyaLoRA.write(one, to: url)
    let (unet, text) = (
      "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
      "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    )
    #expect(
      try SafetensorsFile(url).keys == [
        "\(text).alpha", "\(text).lora_down.weight", "\(text).lora_up.weight", "\(unet).alpha",
        "\(unet).lora_down.weight", "\(unet).lora_up.weight",
      ])
  }

  @Test func `P32 a kohya file says what other tools show of it`() throws {
    let url = folder.file("lora.safetensors")
    try KohyaLoRA.write(
      updates(alpha: 1), to: url, metadata: ["modelspec.trigger_phrase": "a zq dog"])
    let metadata = try SafetensorsFile(url).metadata
    #expect(metadata["ss_network_module"] == "networks.lora")
    #expect(metadata["ss_network_alpha"] == "1.0")
    #expect(metadata["modelspec.trigger_phrase"] == "a zq dog")
    // SHA-256 of what follows the header.
    let bytes = try Data(contentsOf: url)
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(metadata["sshs_model_hash"] == FileDigest.sha256(Data(bytes.dropFirst(8 + length))))
    #expect(metadata["sshs_legacy_hash"]?.count == 8)
  }

  @Test func `kohya's names of a whole U-Net are those that diffusers resolves`() throws {
    let expected = try SingleFileLayoutTests.fixture("sd15.kohya", [String: [String: String]].self)
    let pairs = try #require(expected["unet"])
    let layers = AdaptableLayers(
      unet: parameters(
        Dictionary(uniqueKeysWithValues: pairs.values.map { ("\($0).weight", [2, 2]) })),
      textEncoder: parameters([:]))
    let factors = Dictionary(
      uniqueKeysWithValues: pairs.keys.flatMap {
        [("\($0).lora_down.weight", tensor([1, 2])), ("\($0).lora_up.weight", tensor([2, 1]))]
      })
    let read = try LoRAFile.read(write(factors), for: layers)
    #expect(Set(read.keys) == Set(pairs.values.map { "unet.\($0)" }))
  }

  // MARK: - Beside the updates

  @Test func `words that a file brings along are read apart from its updates`() throws {
    let name = "unet.\(Self.attention).to_q"
    let url = try write([
      "\(name).lora_A.weight": tensor([2, 4]), "\(name).lora_B.weight": tensor([6, 2]),
      "bundle_emb.my.word.emb_params": tensor([2, 8], 1),
      "bundle_emb.other.string_to_param.*": tensor([8], 2), "v_pred": Tensor.zeros([0]),
    ])
    #expect(try LoRAFile.read(url, for: layers).keys.sorted() == [name])
    let words = try BundledEmbeddings.read(SafetensorsFile(url), width: 8)
    #expect(words.map(\.token) == ["my.word", "other"])
    #expect(words.map(\.vectors.shape.dims) == [[2, 8], [1, 8]])
    #expect(words[0].vectors.values == tensor([2, 8], 1).values)
    #expect(throws: WeightError.self) {
      try BundledEmbeddings.read(SafetensorsFile(url), width: 12)
    }
    let nameless = try write(["bundle_emb..emb_params": tensor([1, 8])])
    #expect(throws: WeightError.self) {
      try BundledEmbeddings.read(SafetensorsFile(nameless), width: 8)
    }
  }

  // MARK: - Other spellings

  @Test(arguments: [
    (
      "base_model.model.\(attention).to_q.lora_A.weight",
      "base_model.model.\(attention).to_q.lora_B.weight"
    ),
    (
      "unet.\(attention).processor.to_q_lora.down.weight",
      "unet.\(attention).processor.to_q_lora.up.weight"
    ),
    ("\(attention).processor.to_q_lora.down.weight", "\(attention).processor.to_q_lora.up.weight"),
    ("unet.\(attention).to_q.lora.down.weight", "unet.\(attention).to_q.lora.up.weight"),
    (
      "unet.\(attention).to_q.lora_A.default.weight", "unet.\(attention).to_q.lora_B.default.weight"
    ),
    (
      "unet.base_model.model.\(attention).to_q.lora_A.weight",
      "unet.base_model.model.\(attention).to_q.lora_B.weight"
    ),
    (
      "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.lora_A.weight",
      "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.lora_B.weight"
    ),
    (
      "lycoris_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",
      "lycoris_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight"
    ),
    (
      "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_down.weight",
      "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_up.weight"
    ),
  ])
  func `older and foreign spellings are known`(down: String, up: String) throws {
    let url = try write([down: tensor([2, 4]), up: tensor([6, 2])])
    let read = try LoRAFile.read(url, for: layers)
    #expect(read.keys.sorted() == ["unet.\(Self.attention).to_q"])
    #expect(read.values.first?.alpha == 2)
  }

  @Test(arguments: [
    "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora",
    "text_encoder.encoder.layers.0.self_attn.q_proj.lora_linear_layer",
  ])
  func `older spellings of the text encoder are known`(name: String) throws {
    let url = try write([
      "\(name).down.weight": tensor([2, 8]), "\(name).up.weight": tensor([8, 2]),
    ])
    #expect(try LoRAFile.read(url, for: layers).keys.sorted() == ["text_encoder.\(Self.text)"])
  }

  @Test func `peft's own configuration beside the file scales the updates`() throws {
    let name = "base_model.model.\(Self.attention).to_q"
    let url = try write([
      "\(name).lora_A.weight": tensor([4, 4]), "\(name).lora_B.weight": tensor([6, 4]),
    ])
    func alpha(_ config: String) throws -> Float? {
      _ = try folder.write("adapter_config.json", Array(config.utf8))
      return try LoRAFile.read(url, for: layers).values.first?.alpha
    }
    #expect(try alpha(#"{"peft_type":"LORA","r":4,"lora_alpha":8}"#) == 8)
    #expect(try alpha(#"{"r":4,"lora_alpha":8,"alpha_pattern":{"attn1.to_q":3}}"#) == 3)
    #expect(try alpha(#"{"r":4,"lora_alpha":8,"use_rslora":true}"#) == 16)
    #expect(throws: WeightError.self) { try alpha(#"{"peft_type":"LOHA"}"#) }
    #expect(throws: WeightError.self) { try alpha(#"{"lora_alpha":1,"alpha_pattern":{"a|b":3}}"#) }
  }

  // MARK: - Refusals

  private static let kohya = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"

  @Test func `P38 half a pair, a foreign layer and a wrong shape are refused by name`() throws {
    let (down, up) = ("\(Self.kohya).lora_down.weight", "\(Self.kohya).lora_up.weight")
    let half = try write([down: tensor([2, 4])])
    #expect(throws: WeightError.missing(key: up)) { try LoRAFile.read(half, for: layers) }
    let lone = try write(["\(Self.kohya).alpha": tensor([1])])
    #expect(throws: WeightError.missing(key: down)) { try LoRAFile.read(lone, for: layers) }
    let foreign = try write([
      down: tensor([2, 4]), up: tensor([6, 2]), "lora_unet_x_y.lora_up.weight": tensor([2, 2]),
    ])
    #expect(throws: WeightError.unused(keys: ["lora_unet_x_y.lora_up.weight"])) {
      try LoRAFile.read(foreign, for: layers)
    }
    let wide = try write([down: tensor([2, 5]), up: tensor([6, 2])])
    #expect(throws: WeightError.shapeMismatch(key: down, expected: [2, 4], found: [2, 5])) {
      try LoRAFile.read(wide, for: layers)
    }
    let ranks = try write([down: tensor([2, 4]), up: tensor([6, 3])])
    #expect(throws: WeightError.shapeMismatch(key: up, expected: [6, 2], found: [6, 3])) {
      try LoRAFile.read(ranks, for: layers)
    }
  }

  @Test(arguments: [
    ("\(kohya).hada_w1_a", "LoHa"), ("\(kohya).lokr_w1", "LoKr"),
    ("\(kohya).lora_mid.weight", "Tucker"), ("\(kohya).oft_blocks", "OFT"),
    ("unet.\(attention).to_q.lora_B.bias", "biases"), ("\(kohya).diff", "differences"),
  ])
  func `other kinds of adapters are refused by their names`(key: String, kind: String) throws {
    let url = try write([key: tensor([2, 2])])
    let error = #expect(throws: WeightError.self) { try LoRAFile.read(url, for: layers) }
    #expect(error?.description.contains(kind) == true)
    #expect(error?.description.contains("not supported") == true)
  }

  @Test func `a matrix for a kernel of one by one is the same update`() throws {
    let name = "lora_unet_down_blocks_0_attentions_0_proj_in"
    let (down, up) = (tensor([2, 4], 1), tensor([4, 2], 2))
    let url = try write(["\(name).lora_down.weight": down, "\(name).lora_up.weight": up])
    let read = try #require(try LoRAFile.read(url, for: layers).values.first)
    #expect(read.down.shape == [2, 4, 1, 1] && read.up.shape == [4, 2, 1, 1])
    #expect(read.down.values == down.values)
  }

  @Test func `magnitudes over inputs are not what DoRA has`() throws {
    let url = try write([
      "\(Self.kohya).lora_down.weight": tensor([2, 4]),
      "\(Self.kohya).lora_up.weight": tensor([6, 2]), "\(Self.kohya).dora_scale": tensor([1, 4]),
    ])
    #expect(throws: WeightError.self) { try LoRAFile.read(url, for: layers) }
  }

  @Test func `an adapter is told from a model`() throws {
    let adapter = try SafetensorsFile(write(["\(Self.kohya).lora_down.weight": tensor([2, 4])]))
    #expect(LoRAFile.isAdapter(adapter))
    let model = try SafetensorsFile(
      write(["model.diffusion_model.out.2.weight": tensor([2, 4]), "a.alphas": tensor([1])]))
    #expect(!LoRAFile.isAdapter(model))
  }
}
