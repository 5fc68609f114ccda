import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct ModelComponentTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func normal(_ shape: Shape, _ index: Int) -> Tensor {
    Philox(seed: 7).draw(.test, index: index).normal(shape)
  }

  /// The component's file with its keys changed.
  private func rewrite(
    _ name: String, extra: [String] = [], _ rename: (String) -> String?
  ) throws {
    let url = folder.file("\(name).safetensors")
    let file = try SafetensorsFile(url)
    var writer = SafetensorsWriter()
    for key in file.keys {
      if let renamed = rename(key) { writer.add(renamed, try file.tensor(key)) }
    }
    for key in extra { writer.add(key, Tensor([0], shape: [1])) }
    try writer.write(to: url)
  }

  @Test func `an opened U-Net gives what the saved one gave, and saves the same bytes`() throws {
    let unet = try UNet2DConditionModel.random(.tiny, seed: 1)
    try unet.save(to: folder.url)
    let opened = try UNet2DConditionModel.open(folder.url)
    let (zt, context) = (normal([2, 8, 8, 4], 0), normal([2, 5, 8], 1))
    let expected = unet(zt, t: [3, 900], context: context).values
    #expect(opened(zt, t: [3, 900], context: context).values == expected)
    let copy = try TemporaryFolder()
    try opened.save(to: copy.url)
    for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
      #expect(
        try FileDigest.sha256(copy.file(name)) == FileDigest.sha256(folder.file(name)), "\(name)")
    }
  }

  @Test func `missing, left over and misshapen keys are refused by name`() throws {
    try UNet2DConditionModel.random(.tiny, seed: 1).save(to: folder.url)
    try rewrite("diffusion_pytorch_model") { $0 == "conv_in.bias" ? nil : $0 }
    #expect(throws: WeightError.missing(key: "conv_in.bias")) {
      try UNet2DConditionModel.open(folder.url)
    }
    try UNet2DConditionModel.random(.tiny, seed: 1).save(to: folder.url)
    try rewrite("diffusion_pytorch_model", extra: ["conv_in.scale"]) { $0 }
    #expect(throws: WeightError.unused(keys: ["conv_in.scale"])) {
      try UNet2DConditionModel.open(folder.url)
    }
    var wide = UNetConfig.tiny
    wide.crossAttentionDim = 12
    try UNet2DConditionModel.random(.tiny, seed: 1).save(to: folder.url)
    try wide.write(to: folder.url)
    #expect(
      throws: WeightError.shapeMismatch(
        key: "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
        expected: [4, 12], found: [4, 8])
    ) { try UNet2DConditionModel.open(folder.url) }
  }

  @Test func `a text encoder keeps the prefix style of its file`() throws {
    let text = try CLIPTextModel.random(.tiny, seed: 1)
    try text.save(to: folder.url)
    let name = "model.safetensors"
    let prefixed = try SafetensorsFile(folder.file(name))
    #expect(prefixed.keys.allSatisfy { $0.hasPrefix("text_model.") })
    let ids = [[62, 1, 2, 63, 63]]
    let expected = text(ids).values
    try rewrite("model", extra: ["embeddings.position_ids"]) {
      String($0.dropFirst("text_model.".count))
    }
    let bare = try CLIPTextModel.open(folder.url)
    #expect(bare(ids).values == expected)
    try bare.save(to: folder.url)
    #expect(
      try SafetensorsFile(folder.file(name)).keys == prefixed.keys.map { String($0.dropFirst(11)) })
  }

  @Test func `a VAE with the old attention names is read, and saved as it was`() throws {
    let vae = try AutoencoderKL.random(.tiny, seed: 1)
    try vae.save(to: folder.url)
    try rewrite("diffusion_pytorch_model") { OldVAENames.table.theirs($0) }
    let name = "diffusion_pytorch_model.safetensors"
    let old = try SafetensorsFile(folder.file(name)).keys
    #expect(old.contains("encoder.mid_block.attentions.0.proj_attn.weight"))
    let opened = try AutoencoderKL.open(folder.url)
    let z = normal([1, 8, 8, 4], 0)
    #expect(opened.decode(z).values == vae.decode(z).values)
    try opened.save(to: folder.url)
    #expect(try SafetensorsFile(folder.file(name)).keys == old)
  }

  @Test func `a census of layers finds each of them once, in the order of a forward pass`() throws {
    let unet = try UNet2DConditionModel.random(.tiny, seed: 1)
    unet.parameters.setTrainable(true)
    let zt = normal([2, 8, 8, 4], 0)
    let memory = unet.layerMemory(zt, t: [3, 900], context: normal([2, 5, 8], 1))
    // Two levels of one layer, two of two, the middle: eight residual blocks and four transformers.
    #expect(memory.kept.count == 12 && memory.inputs.count == 12)
    #expect(memory.inputs[0] == 4 * zt.count)
  }

  @Test(arguments: [Recomputation.all, .layers([0, 3])])
  func `recomputing activations changes no gradient`(recomputation: Recomputation) throws {
    func gradients(_ recomputes: Recomputation) throws -> [String: [Float]] {
      var unet = try UNet2DConditionModel.random(.tiny, seed: 1)
      unet.recomputation = recomputes
      unet.parameters.setTrainable(true)
      let prediction = unet(normal([2, 8, 8, 4], 0), t: [3, 900], context: normal([2, 5, 8], 1))
      meanSquaredError(prediction, normal([2, 8, 8, 4], 2)).backward()
      return try Dictionary(
        uniqueKeysWithValues: unet.parameters.map {
          ($0.key, try #require($0.tensor.gradient).values)
        })
    }
    let (with, without) = try (gradients(recomputation), gradients(.none))
    for (key, gradient) in with {
      let expected = try #require(without[key])
      let scale = expected.map(abs).max() ?? 0
      // The text states' gradient is summed per layer first, so its last bits may differ; biases
      // before a norm of one channel per group have no gradient but rounding.
      let worst = zip(gradient, expected).map { abs($0 - $1) }.max() ?? 0
      #expect(worst <= 1e-4 * scale + 1e-7, "\(key): \(worst) of \(scale)")
    }
  }

  @Test func `the end of a text is its first end token, or its largest id in old configs`() throws {
    let states = Tensor((0..<8).map { Float($0) }, shape: [1, 4, 2])
    func pooled(_ end: Int) throws -> [Float] {
      var config = CLIPTextConfig.tiny
      (config.hiddenSize, config.eosTokenId) = (2, end)
      return try CLIPTextModel(WeightLedger(random: Philox(seed: 1)).root, config: config)
        .pooled(states, ids: [[5, 40, 63, 63]]).values
    }
    #expect(try pooled(40) == [2, 3])
    #expect(try pooled(2) == [4, 5])
  }

  @Test func `samples of the latents have the mean and deviation that the moments say`() {
    let moments = Tensor([1, -2, 0, 100], shape: [1, 1, 1, 4])
    let latents = DiagonalGaussian(moments: moments)
    #expect(latents.mean.values == [1, -2])
    #expect(latents.logvar.values == [0, 20])
    let sample = latents.sample(noise: Tensor([0.5, 0], shape: [1, 1, 1, 2]))
    #expect(sample.values == [1.5, -2])
    // 1/2 (1 + 1 - 1 - 0) + 1/2 (4 + e^20 - 1 - 20)
    let expected = 0.5 + 0.5 * (4 + exp(20.0) - 21)
    #expect(abs(Double(latents.divergence.item) / expected - 1) < 1e-6)
  }

  @Test func `CLIP's pair scores a text by the cosine`() throws {
    let vision = CLIPVisionConfig(
      hiddenSize: 8, intermediateSize: 16, numHiddenLayers: 1, numAttentionHeads: 2, imageSize: 8,
      patchSize: 4, hiddenAct: .quickGelu)
    let clip = try CLIPModel.random(
      CLIPConfig(textConfig: .tiny, visionConfig: vision, projectionDim: 2), seed: 1)
    let text = Tensor([3, 4, 0, 2], shape: [2, 2])
    let image = Tensor([6, 8], shape: [1, 2])
    let scale = exp(Float(2.6592))
    let logits = clip.logits(text: text, image: image).values
    // Two roundings of f32 products.
    #expect(abs(logits[0] / scale - 1) < 1e-5 && abs(logits[1] / scale - 0.8) < 1e-5)
    try clip.save(to: folder.url)
    let opened = try CLIPModel.open(folder.url)
    let pixels = normal([2, 8, 8, 3], 3)
    #expect(opened.embedImage(pixels).values == clip.embedImage(pixels).values)
  }
}
