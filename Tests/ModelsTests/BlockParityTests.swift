import Models
import Tensors
import TestSupport
import Testing
import Weights

/// Each block class against the one of diffusers or transformers it is named after: outputs, and the gradients of every
/// input and parameter.
@Suite struct BlockParityTests {
  // A dozen ops, each with roundings of its largest terms.
  static let forward = Tolerance(relative: 1e-5, ofLargest: 1e-5)
  static let backward = Tolerance(relative: 1e-4, ofLargest: 1e-5)

  @Test(arguments: [
    "blocks_small", "blocks_unet_down", "blocks_unet_up", "blocks_vae", "blocks_clip",
  ])
  func `blocks agree with diffusers and transformers`(file: String) throws {
    for golden in try GoldenFile(file).cases { try check(Block(golden)) }
  }

  private func check(_ block: Block) throws {
    let scope = block.golden.weights
    let run = try block.build(scope)
    scope.parameters.setTrainable(true)
    let results = run()
    let names = results.count == 1 ? ["y"] : results.indices.map { "y\($0)" }
    try block.golden.check(
      outputs: Dictionary(uniqueKeysWithValues: zip(names, results)), inputs: block.inputs,
      parameters: scope.named, forward: Self.forward, backward: Self.backward)
    #expect(try scope.named.keys.sorted() == block.golden.tensors("param").keys.sorted())
  }
}

extension WeightScope {
  /// Parameters by their key below this scope.
  var named: [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: parameters.map {
        (String($0.key.dropFirst(path.count + (path.isEmpty ? 0 : 1))), $0.tensor)
      })
  }
}

/// The block that a case describes, and its inputs.
private struct Block {
  let golden: GoldenCase
  let inputs: [String: Tensor]

  init(_ golden: GoldenCase) throws {
    self.golden = golden
    inputs = try golden.tensors("in", trainable: true)
  }

  private func int(_ key: String) throws -> Int {
    try #require(try golden.config(key, as: Int.self))
  }
  private func bool(_ key: String) throws -> Bool { try golden.config(key, as: Bool.self) ?? false }
  private func input(_ key: String) throws -> Tensor { try #require(inputs[key]) }

  private func conditions() throws -> UNetConditions {
    let t = try input("t")
    return UNetConditions(
      t: t, context: inputs["context"] ?? Tensor.zeros([t.shape[0], 1, 1]), recomputation: .none)
  }

  private func widths() throws -> UNetWidths {
    let hasText = inputs["context"] != nil
    return UNetWidths(
      time: try int("time"), context: hasText ? try int("context") : 0, groups: try int("groups"),
      eps: 1e-5, hasLinearProjections: hasText ? try bool("linear") : false)
  }

  /// Makes the block; what comes back runs it.
  func build(_ w: WeightScope) throws -> () -> [Tensor] {
    let type: String = try golden.field("class")
    switch type {
    case "TimestepEmbedding":
      let block = try TimestepEmbedding(w, from: int("channels"), to: int("time"))
      let t: [Double] = try golden.field("timesteps")
      return { [block(t.map { Float($0) })] }
    case "CrossAttnDownBlock2D", "DownBlock2D": return try downBlock(w, type)
    case "CrossAttnUpBlock2D", "UpBlock2D": return try upBlock(w, type)
    default: return try single(w, type)
    }
  }

  private func single(_ w: WeightScope, _ type: String) throws -> () -> [Tensor] {
    let x = try input("x")
    switch type {
    case "ResnetBlock2D":
      let time: Int? = try golden.config("time")
      let eps: Double = try #require(try golden.config("eps"))
      let block = try ResnetBlock2D(
        w, from: int("cIn"), to: int("cOut"), time: time, groups: int("groups"), eps: Float(eps))
      return { [block(x, t: inputs["t"])] }
    case "Transformer2DModel":
      let block = try Transformer2DModel(
        w, channels: int("channels"), context: int("context"), heads: int("heads"),
        groups: int("groups"), isLinear: bool("linear"))
      let context = try input("context")
      return { [block(x, context: context)] }
    case "BasicTransformerBlock":
      let block = try BasicTransformerBlock(
        w, width: int("channels"), context: int("context"), heads: int("heads"))
      let context = try input("context")
      return { [block(x, context: context)] }
    case "Attention":
      let block = try Attention(
        w, width: int("channels"), context: int("context"), heads: int("heads"))
      let context = try input("context")
      return { [block(x, context: context)] }
    case "FeedForward":
      let block = try FeedForward(w, width: int("channels"))
      return { [block(x)] }
    case "Downsample2D":
      let padding =
        try int("padding") == 1 ? Padding(1) : Padding(top: 0, left: 0, bottom: 1, right: 1)
      let block = try Downsample2D(w, channels: int("channels"), padding: padding)
      return { [block(x)] }
    case "Upsample2D":
      let block = try Upsample2D(w, channels: int("channels"))
      return { [block(x)] }
    case "UNetMidBlock2DCrossAttn":
      let block = try UNetMidBlock2DCrossAttn(
        w, channels: int("channels"), heads: int("heads"), widths())
      let given = try conditions()
      return { [block(x, given)] }
    case "VAEMidBlock":
      let block = try VAEMidBlock(w, channels: int("channels"), groups: int("groups"))
      return { [block(x)] }
    case "CLIPEncoderLayer":
      let name: String = try #require(try golden.config("activation"))
      let block = try CLIPEncoderLayer(
        w, width: int("width"), inner: int("inner"), heads: int("heads"),
        activation: #require(Activation(rawValue: name)), eps: 1e-5)
      let isCausal = try bool("causal")
      return { [block(x, isCausal: isCausal)] }
    default:
      throw GoldenError.missing(key: "a block named \(type)", file: golden.name)
    }
  }

  private func downBlock(_ w: WeightScope, _ type: String) throws -> () -> [Tensor] {
    let (x, given) = (try input("x"), try conditions())
    let block: any UNetDownBlock =
      type == "DownBlock2D"
      ? try DownBlock2D(
        w, from: int("cIn"), to: int("cOut"), layers: int("layers"),
        downsamples: bool("downsample"),
        widths())
      : try CrossAttnDownBlock2D(
        w, from: int("cIn"), to: int("cOut"), layers: int("layers"), heads: int("heads"),
        downsamples: bool("downsample"), widths())
    return {
      let (y, skips) = block(x, given)
      return [y] + skips
    }
  }

  private func upBlock(_ w: WeightScope, _ type: String) throws -> () -> [Tensor] {
    let (x, given) = (try input("x"), try conditions())
    let taken = try (0..<int("layers")).map { try input("skip\($0)") }
    let channels = taken.map { $0.shape[-1] }
    let block: any UNetUpBlock =
      type == "UpBlock2D"
      ? try UpBlock2D(
        w, from: int("prev"), to: int("cOut"), skips: channels, upsamples: bool("upsample"),
        widths())
      : try CrossAttnUpBlock2D(
        w, from: int("prev"), to: int("cOut"), skips: channels, heads: int("heads"),
        upsamples: bool("upsample"), widths())
    return {
      var skips = Array(taken.reversed())
      return [block(x, skips: &skips, given)]
    }
  }
}
