import Contract
import Foundation
import Testing

@Suite struct ModelSupportTests {
  /// Stable Diffusion 1.5's own files, as far as they are read.
  private static var plain: [String: [String: Any]] {
    [
      "model_index.json": ["_class_name": "StableDiffusionPipeline"],
      "scheduler/scheduler_config.json": ["_class_name": "PNDMScheduler"],
      "unet/config.json": [
        "_class_name": "UNet2DConditionModel", "in_channels": 4, "out_channels": 4,
        "cross_attention_dim": 768, "block_out_channels": [320, 640, 1280, 1280],
        "sample_size": 64,
      ],
      "vae/config.json": [
        "_class_name": "AutoencoderKL", "latent_channels": 4,
        "block_out_channels": [128, 256, 512, 512],
      ],
      "text_encoder/config.json": ["architectures": ["CLIPTextModel"], "hidden_size": 768],
    ]
  }

  private static func json(_ fields: [String: Any]?) -> Data? {
    fields.flatMap { try? JSONSerialization.data(withJSONObject: $0) }
  }

  @Test func `a number that only JSON5 knows hides nothing`() {
    let file = #"{"_class_name":"FlowMatchEulerDiscreteScheduler","lambda_min_clipped":-Infinity}"#
    let reason = ModelSupport { $0.hasPrefix("scheduler") ? Data(file.utf8) : nil }.refusal
    #expect(reason?.contains("flow matching") == true)
  }

  @Test func `the plain model is taken, and one that says nothing`() {
    let plain = ModelSupport { Self.json(Self.plain[$0]) }
    #expect(plain.refusal == nil)
    #expect((plain.sideMultiple, plain.resolution) == (64, 512))
    #expect(plain.prediction == "epsilon")
    let silent = ModelSupport { _ in nil }
    #expect(silent.refusal == nil)
    #expect((silent.sideMultiple, silent.resolution) == (nil, nil))
    #expect(silent.prediction == nil)
    let garbage = ModelSupport { _ in Data("[1]".utf8) }
    #expect(garbage.refusal == nil)
  }

  @Test(arguments: [
    ("model_index.json", #"{"_class_name":"StableDiffusionXLPipeline"}"#, "Stable Diffusion XL;"),
    (
      "model_index.json", #"{"_class_name":"StableDiffusionXLImg2ImgPipeline"}"#,
      "the refiner of Stable Diffusion XL"
    ),
    ("model_index.json", #"{"_class_name":"StableDiffusion3Pipeline"}"#, "Stable Diffusion 3"),
    ("model_index.json", #"{"_class_name":"FluxPipeline"}"#, "FLUX"),
    ("model_index.json", #"{"_class_name":"StableDiffusionInpaintPipeline"}"#, "for inpainting"),
    ("model_index.json", #"{"_class_name":"OtherPipeline"}"#, "its pipeline is OtherPipeline;"),
    (
      "scheduler/scheduler_config.json", #"{"_class_name":"FlowMatchHeunDiscreteScheduler"}"#,
      "flow matching"
    ),
    ("scheduler/scheduler_config.json", #"{"_class_name":"LCMScheduler"}"#, "LCMScheduler;"),
    ("unet/config.json", #"{"in_channels":9,"out_channels":4}"#, "which is for inpainting"),
    ("unet/config.json", #"{"in_channels":8}"#, "which is for InstructPix2Pix"),
    ("unet/config.json", #"{"in_channels":16}"#, "takes 16 channels, and its VAE makes 4"),
    ("unet/config.json", #"{"in_channels":4,"out_channels":8}"#, "returns 8"),
    ("unet/config.json", #"{"addition_embed_type":"text_time"}"#, "as that of Stable Diffusion XL"),
    ("unet/config.json", #"{"cross_attention_dim":1024}"#, "width 1024"),
    ("unet/config.json", #"{"_class_name":"UNet2DModel"}"#, "not UNet2DConditionModel"),
    ("vae/config.json", #"{"latent_channels":16}"#, "its VAE makes 16"),
    ("vae/config.json", #"{"_class_name":"AutoencoderTiny"}"#, "not AutoencoderKL"),
    ("text_encoder/config.json", #"{"architectures":["T5EncoderModel"]}"#, "T5EncoderModel"),
    ("text_encoder/config.json", #"{"hidden_size":512}"#, "width 512"),
  ])
  func `another model is refused by what it is`(file: String, fields: String, word: String) throws {
    let changed = try #require(
      try JSONSerialization.jsonObject(with: Data(fields.utf8)) as? [String: Any])
    let support = ModelSupport { name in
      let fields = Self.plain[name]
      return Self.json(name == file ? fields?.merging(changed) { $1 } : fields)
    }
    let reason = try #require(support.refusal)
    #expect(reason.contains(word), "\(reason)")
    #expect(reason.hasSuffix("Stable Diffusion 1.x and 2.x work here, in their plain form"))
  }
}
