import Diffusion
import Foundation
import Models
import Tensors
import Weights

/// The model that `bench` times: a folder, or random weights in a known shape.
struct BenchSubject {
  private enum Source {
    case folder(URL)
    case random(unet: UNetConfig, vae: VAEConfig, text: CLIPTextConfig)
  }
  private let source: Source

  init(_ model: String) throws(UsageError) {
    switch model {
    case "random:sd15": source = .random(unet: .sd15, vae: .sd15, text: .sd15)
    case "random:small": source = .random(unet: .small, vae: .small, text: .small)
    case "random:tiny": source = .random(unet: .tiny, vae: .tiny, text: .tiny)
    case _ where model.hasPrefix("random:"):
      throw UsageError("model '\(model)': random:sd15, random:small and random:tiny exist")
    default: source = .folder(try ModelArgument.folder(model))
    }
  }

  var isFolder: Bool {
    if case .folder = source { true } else { false }
  }

  func unet(_ dtype: DType, adapters: AdapterPlan? = nil) throws -> UNet2DConditionModel {
    switch source {
    case .folder(let url):
      try .open(try ModelArgument.component("unet", of: url), dtype: dtype, adapters: adapters)
    case .random(let unet, _, _):
      try .random(unet, seed: 0, dtype: dtype, adapters: adapters)
    }
  }

  func vae(_ dtype: DType) throws -> AutoencoderKL {
    switch source {
    case .folder(let url): try .open(try ModelArgument.component("vae", of: url), dtype: dtype)
    case .random(_, let vae, _): try .random(vae, seed: 0, dtype: dtype)
    }
  }

  func text(_ dtype: DType) throws -> CLIPTextModel {
    switch source {
    case .folder(let url):
      try .open(try ModelArgument.component("text_encoder", of: url), dtype: dtype)
    case .random(_, _, let text): try .random(text, seed: 0, dtype: dtype)
    }
  }

  /// The whole pipeline; random text encoders get a tokenizer that knows no word.
  func stableDiffusion(_ dtype: DType) throws -> StableDiffusion {
    let text = try text(dtype)
    let (tokenizer, schedule) = try vocabularyAndSchedule(text.config)
    return try StableDiffusion(
      folder: URL(fileURLWithPath: "bench"), tokenizer: tokenizer, textEncoder: text,
      unet: try unet(dtype), vae: try vae(dtype), schedule: NoiseSchedule(schedule))
  }

  private func vocabularyAndSchedule(
    _ text: CLIPTextConfig
  ) throws -> (CLIPTokenizer, SchedulerConfig) {
    if case .folder(let url) = source {
      let schedule = url.appendingPathComponent("scheduler/scheduler_config.json")
      return (
        try CLIPTokenizer(folder: url.appendingPathComponent("tokenizer")),
        try SchedulerConfig(contentsOf: schedule)
      )
    }
    let clip = URL(fileURLWithPath: "models/tokenizers/clip", isDirectory: true)
    if text.vocabSize == 49_408, FileManager.default.fileExists(atPath: clip.path) {
      return (try CLIPTokenizer(folder: clip), .stableDiffusion())
    }
    let ends = [
      "<|startoftext|>": text.vocabSize - 2, "<|endoftext|>": text.vocabSize - 1,
    ]
    guard
      let tokenizer = CLIPTokenizer(
        vocabulary: ends, merges: [], maxLength: text.maxPositionEmbeddings)
    else { throw UsageError("the text encoder has no room for two tokens") }
    return (tokenizer, .stableDiffusion())
  }

  func tokenCount() throws -> Int {
    switch source {
    case .folder(let url):
      try CLIPTextConfig(folder: ModelArgument.component("text_encoder", of: url))
        .maxPositionEmbeddings
    case .random(_, _, let text): text.maxPositionEmbeddings
    }
  }

  /// Side of the latents for a picture of `pixels`, or of the model's own size.
  func latentSide(_ pixels: Int?, multiple: Int) throws -> Int {
    let (unet, vae) =
      switch source {
      case .folder(let url):
        (
          try UNetConfig(folder: ModelArgument.component("unet", of: url)),
          try VAEConfig(folder: ModelArgument.component("vae", of: url))
        )
      case .random(let unet, let vae, _): (unet, vae)
      }
    guard let pixels else { return unet.sampleSize ?? 64 }
    let step = multiple * vae.sideMultiple
    guard pixels % step == 0 else {
      throw UsageError("--size \(pixels): a multiple of \(step) is needed for this model")
    }
    return pixels / vae.sideMultiple
  }
}
