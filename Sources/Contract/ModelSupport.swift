package import Foundation

/// What the configuration files of a base model in diffusers layout say, and whether this engine works with such a
/// model. The service asks before it takes a job, the engine before it opens the model.
package struct ModelSupport {
  /// The fields that are read, each where it has the type that diffusers and transformers give it.
  private struct Fields: Decodable {
    var className, additionEmbedType, prediction: String?
    var inChannels, outChannels, latentChannels, contextWidth, hiddenSize, sampleSize: Int?
    var blocks: [Int]?
    var architectures: [String]?

    private enum Key: String, CodingKey {
      case className = "_class_name"
      case additionEmbedType = "addition_embed_type"
      case prediction = "prediction_type"
      case inChannels = "in_channels"
      case outChannels = "out_channels"
      case latentChannels = "latent_channels"
      case contextWidth = "cross_attention_dim"
      case hiddenSize = "hidden_size"
      case sampleSize = "sample_size"
      case blocks = "block_out_channels"
      case architectures
    }

    init(from decoder: any Decoder) throws {
      let c = try decoder.container(keyedBy: Key.self)
      func value<Value: Decodable>(_ key: Key) -> Value? { try? c.decode(Value.self, forKey: key) }
      (className, additionEmbedType) = (value(.className), value(.additionEmbedType))
      (prediction, architectures) = (value(.prediction), value(.architectures))
      (inChannels, outChannels) = (value(.inChannels), value(.outChannels))
      (latentChannels, contextWidth) = (value(.latentChannels), value(.contextWidth))
      (hiddenSize, sampleSize) = (value(.hiddenSize), value(.sampleSize))
      blocks = value(.blocks)
    }
  }

  private let index, scheduler, unet, vae, text: Fields?

  /// - Parameter read: the content of a file below the model's folder; `nil` where it is missing
  package init<Failure: Error>(_ read: (String) throws(Failure) -> Data?) throws(Failure) {
    let decoder = JSONDecoder()
    // diffusers writes `"lambda_min_clipped": -Infinity`, which only JSON5 knows.
    decoder.allowsJSON5 = true
    func fields(_ name: String) throws(Failure) -> Fields? {
      guard let data = try read(name) else { return nil }
      return try? decoder.decode(Fields.self, from: data)
    }
    index = try fields("model_index.json")
    scheduler = try fields("scheduler/scheduler_config.json")
    unet = try fields("unet/config.json")
    vae = try fields("vae/config.json")
    text = try fields("text_encoder/config.json")
  }

  package static let pipeline = "StableDiffusionPipeline"

  /// Schedulers of diffusers whose file describes a forward process of discrete betas, and no more.
  package static let schedulers: Set<String> = [
    "DDIMScheduler", "DDPMScheduler", "DEISMultistepScheduler", "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler", "EulerAncestralDiscreteScheduler", "EulerDiscreteScheduler",
    "HeunDiscreteScheduler", "LMSDiscreteScheduler", "PNDMScheduler", "UniPCMultistepScheduler",
  ]

  private static let supported = "Stable Diffusion 1.x and 2.x work here, in their plain form"

  /// Beginnings of pipeline names in diffusers; the first that fits counts.
  private static let families = [
    ("StableDiffusionXLImg2Img", "the refiner of Stable Diffusion XL"),
    ("StableDiffusionXL", "Stable Diffusion XL"), ("StableDiffusion3", "Stable Diffusion 3"),
    ("StableDiffusionInpaint", "a Stable Diffusion model for inpainting"),
    ("StableDiffusionInstructPix2Pix", "InstructPix2Pix"),
    ("StableDiffusionDepth2Img", "a Stable Diffusion model with a depth input"),
    ("StableDiffusionUpscale", "a Stable Diffusion upscaler"),
    ("StableDiffusionLatentUpscale", "a Stable Diffusion upscaler"), ("Flux", "FLUX"),
    ("StableCascade", "Stable Cascade"), ("LatentConsistency", "a latent consistency model"),
    ("PixArt", "PixArt"), ("Kandinsky", "Kandinsky"), ("IF", "DeepFloyd IF"),
    ("Sana", "Sana"), ("HunyuanDiT", "Hunyuan-DiT"), ("Lumina", "Lumina"), ("Qwen", "Qwen-Image"),
  ]

  /// What a U-Net with so many input channels is for; the additional ones hold a picture beside the noised latents.
  private static let inputs = [
    9: "inpainting", 8: "InstructPix2Pix", 5: "a depth input", 7: "upscaling",
  ]

  /// Why the model cannot be trained or drawn with, and what could; `nil` if its files say nothing against it.
  package var refusal: String? {
    let reason =
      pipelineRefusal ?? schedulerRefusal ?? channelRefusal ?? classRefusal ?? widthRefusal
    return reason.map { "\($0); \(Self.supported)" }
  }

  /// Sides of its pictures are multiples of this, so that VAE and U-Net halve them evenly.
  package var sideMultiple: Int? {
    guard let vae = halvings(vae), let unet = halvings(unet) else { return nil }
    return 1 << (vae + unet)
  }

  /// Side of its pictures in pixels.
  package var resolution: Int? {
    guard let latents = unet?.sampleSize, (1...1 << 16).contains(latents), let vae = halvings(vae)
    else { return nil }
    return latents << vae
  }

  /// What its network says; configurations written before there was a choice leave it out.
  package var prediction: String? { scheduler.map { $0.prediction ?? "epsilon" } }

  private func halvings(_ part: Fields?) -> Int? {
    guard let blocks = part?.blocks, (1...16).contains(blocks.count) else { return nil }
    return blocks.count - 1
  }

  private var pipelineRefusal: String? {
    guard let name = index?.className, name != Self.pipeline else { return nil }
    let family = Self.families.first { name.hasPrefix($0.0) }?.1
    return "its pipeline is \(name)" + (family.map { ", which is \($0)" } ?? "")
  }

  private var schedulerRefusal: String? {
    guard let name = scheduler?.className, !Self.schedulers.contains(name) else { return nil }
    return "its scheduler is \(name)"
      + (name.hasPrefix("FlowMatch") ? ", which is flow matching" : "")
  }

  private var channelRefusal: String? {
    if let kind = unet?.additionEmbedType {
      return "its U-Net has `addition_embed_type` \(kind)"
        + (kind == "text_time" ? ", as that of Stable Diffusion XL" : "")
    }
    guard let channels = unet?.inChannels else { return nil }
    let latents = vae?.latentChannels ?? 4
    if channels != latents {
      let use = Self.inputs[channels].map { ", which is for \($0)" } ?? ""
      return "its U-Net takes \(channels) channels\(use), and its VAE makes \(latents)"
    }
    if let out = unet?.outChannels, out != channels {
      return "its U-Net takes \(channels) channels and returns \(out)"
    }
    return nil
  }

  private var classRefusal: String? {
    let parts = [
      ("unet", unet?.className, "UNet2DConditionModel"), ("vae", vae?.className, "AutoencoderKL"),
    ]
    for (part, found, name) in parts {
      if let found, found != name { return "its \(part) is \(found), not \(name)" }
    }
    if let found = text?.architectures, !found.isEmpty,
      !found.contains(where: { $0.hasPrefix("CLIPTextModel") })
    {
      return "its text_encoder is \(found.joined(separator: ", ")), not CLIPTextModel"
    }
    return nil
  }

  private var widthRefusal: String? {
    guard let unet = unet?.contextWidth, let text = text?.hiddenSize, unet != text else {
      return nil
    }
    return "its U-Net reads texts of width \(unet) (`cross_attention_dim`), and its text encoder "
      + "writes width \(text) (`hidden_size`)"
  }
}
