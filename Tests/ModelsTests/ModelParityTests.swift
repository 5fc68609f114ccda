import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Weights

/// Whole models against diffusers and transformers: outputs, and the gradient of every parameter.
@Suite struct ModelParityTests {
  // The project's bound for models in f32: 1e-4 (docs/NUMERICS.md). Gradients pass some hundred ops.
  static let forward = Tolerance(relative: 1e-4, ofLargest: 1e-5)
  static let backward = Tolerance(relative: 1e-4, ofLargest: 5e-5)

  @Test(arguments: ["unet_sd1", "unet_sd2"], [false, true])
  func `the U-Net agrees, with and without recomputation`(file: String, recomputes: Bool) throws {
    let golden = try GoldenFile(file)("model")
    let scope = golden.weights
    var unet = try UNet2DConditionModel(scope, config: config(of: golden))
    unet.recomputesActivations = recomputes
    let inputs = try golden.tensors("in", trainable: true)
    try check(golden, scope, inputs) {
      let t: [Int] = try golden.field("timesteps")
      return [
        "sample": unet(
          try #require(inputs["sample"]), t: t.map { Float($0) },
          context: try #require(inputs["encoder_hidden_states"]))
      ]
    }
  }

  @Test func `the VAE agrees in both directions`() throws {
    // The golden file keeps the parameters of each half beside its case.
    let file = try GoldenFile("vae")
    let (first, second) = (try file("encoder"), try file("decoder"))
    let vaeConfig: VAEConfig = try config(of: first)
    let encoderScope = first.weights
    let encoder = try VAEEncoder(encoderScope / "encoder", config: vaeConfig)
    let c = vaeConfig.latentChannels
    let quantConv = try Conv2d(encoderScope / "quant_conv", from: 2 * c, to: 2 * c, kernel: 1)
    let picture = try first.tensors("in", trainable: true)
    try check(first, encoderScope, picture) {
      let d = DiagonalGaussian(moments: quantConv(encoder(try #require(picture["sample"]))))
      return ["mean": d.mean, "logvar": d.logvar]
    }
    let decoderScope = second.weights
    let decoder = try VAEDecoder(decoderScope / "decoder", config: vaeConfig)
    let postQuantConv = try Conv2d(decoderScope / "post_quant_conv", from: c, to: c, kernel: 1)
    let latents = try second.tensors("in", trainable: true)
    try check(second, decoderScope, latents) {
      ["sample": decoder(postQuantConv(try #require(latents["latents"])))]
    }
  }

  @Test(arguments: ["text_quick_gelu", "text_gelu"])
  func `the text model agrees`(file: String) throws {
    let golden = try GoldenFile(file)("model")
    let scope = golden.weights
    let model = try CLIPTextModel(scope, config: config(of: golden))
    let ids: [[Int]] = try golden.field("ids")
    try check(golden, scope, [:]) {
      let states = model(ids)
      return ["last_hidden_state": states, "pooler_output": model.pooled(states, ids: ids)]
    }
  }

  @Test func `the pair of encoders agrees`() throws {
    let golden = try GoldenFile("clip")("model")
    let scope = golden.weights
    let model = try CLIPModel(scope, config: config(of: golden))
    let ids: [[Int]] = try golden.field("ids")
    let inputs = try golden.tensors("in", trainable: true)
    try check(golden, scope, inputs) {
      [
        "text_embeds": model.embedText(ids),
        "image_embeds": model.embedImage(try #require(inputs["pixel_values"])),
      ]
    }
  }

  /// Reads the config as it lies in a model folder.
  private func config<C: ModelConfig>(of golden: GoldenCase) throws -> C {
    let folder = try TemporaryFolder()
    _ = try folder.write("config.json", Array(golden.json("config")))
    return try C(folder: folder.url)
  }

  private func check(
    _ golden: GoldenCase, _ scope: WeightScope, _ inputs: [String: Tensor],
    _ run: () throws -> [String: Tensor]
  ) throws {
    #expect(try scope.named.keys.sorted() == golden.tensors("param").keys.sorted())
    scope.parameters.setTrainable(true)
    try golden.check(
      outputs: run(), inputs: inputs, parameters: scope.named, forward: Self.forward,
      backward: Self.backward)
  }
}
