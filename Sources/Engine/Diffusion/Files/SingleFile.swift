package import Foundation
import Models
import Tensors
import Weights

/// How a single-file checkpoint is to be understood, where the file leaves a choice.
package struct SingleFileOptions {
  /// What the network predicts; nil takes the file's word or the family's.
  package var prediction: PredictionType?
  /// A folder in diffusers layout whose configurations and tokenizer the file shares.
  package var configuration: URL?
  /// Where CLIP's tokenizer lies; nil looks near the file.
  package var tokenizer: URL?

  package init(
    prediction: PredictionType? = nil, configuration: URL? = nil, tokenizer: URL? = nil
  ) {
    (self.prediction, self.configuration) = (prediction, configuration)
    self.tokenizer = tokenizer
  }

  /// CLIP's tokenizer at `tokenizers/clip` beside a file, or one folder above.
  package static func tokenizer(near file: URL) -> URL? {
    let folder = file.deletingLastPathComponent()
    return [folder, folder.deletingLastPathComponent()]
      .map { $0.appending(path: "tokenizers/clip") }
      .first {
        FileManager.default.fileExists(atPath: $0.appending(path: "tokenizer_config.json").path)
      }
  }
}

/// A checkpoint in the layout of the original Stable Diffusion, opened: every tensor is used or known to be
/// of no use.
struct SingleFile {
  let tokenizer: CLIPTokenizer
  let textEncoder: CLIPTextModel
  let unet: UNet2DConditionModel
  let vae: AutoencoderKL
  let schedule: SchedulerConfig

  init(
    _ url: URL, _ options: SingleFileOptions, adapters: [String: AdapterPlan] = [:],
    unet unetFormat: DType = .f32
  ) throws {
    let file = try SafetensorsFile(url)
    try Self.requireModel(file)
    let inference = SingleFileInference(file: file)
    let configs = try ModelConfigs(of: file, options)
    schedule = configs.schedule
    tokenizer =
      try configs.tokenizer ?? Self.standardTokenizer(url, options, isOpen: inference.hasOpenCLIP)

    let unetPlaces = SingleFileLayout.unet(
      try UNet2DConditionModel(WeightLedger().root, config: configs.unet).parameters.map(\.key))
    let unetLedger = WeightLedger(file: file, places: unetPlaces, dtype: unetFormat)
    unetLedger.adapters = adapters["unet"]
    unet = try UNet2DConditionModel(unetLedger.root, config: configs.unet)
    let vaePlaces = SingleFileLayout.vae(
      try AutoencoderKL(WeightLedger().root, config: configs.vae).parameters.map(\.key))
    vae = try AutoencoderKL(WeightLedger(file: file, places: vaePlaces).root, config: configs.vae)
    let textKeys = try CLIPTextModel(
      WeightLedger().root / "text_model", config: configs.text
    ).parameters.map(\.key)
    let textPlaces = inference.textPlaces(textKeys)
    let textLedger = WeightLedger(file: file, places: textPlaces)
    textLedger.adapters = adapters["text_encoder"]
    textEncoder = try CLIPTextModel(textLedger.root / "text_model", config: configs.text)

    let used = Set([unetPlaces, vaePlaces, textPlaces].flatMap { $0.values.map(\.key) })
    let unused = inference.leftovers(used: used)
    guard unused.isEmpty else { throw WeightError.unused(keys: unused) }
  }

  /// Says what a file is that is no whole model.
  private static func requireModel(_ file: SafetensorsFile) throws(WeightError) {
    let prefix = SingleFileLayout.unetPrefix
    guard !file.keys.contains(where: { $0.hasPrefix(prefix) }) else { return }
    let kind =
      LoRAFile.isAdapter(file)
      ? "an adapter, which is applied to a model (--adapter)"
      : EmbeddingFile.isEmbedding(file)
        ? "an embedding, which is learned by a model (--embedding)"
        : "not a checkpoint of a whole Stable Diffusion model (no tensor '\(prefix)...')"
    throw .config(file: file.url.shortName, reason: "it is \(kind)")
  }

  /// CLIP's tokenizer, from the folder given or from near the file.
  private static func standardTokenizer(
    _ url: URL, _ options: SingleFileOptions, isOpen: Bool
  ) throws -> CLIPTokenizer {
    guard let folder = options.tokenizer ?? SingleFileOptions.tokenizer(near: url) else {
      throw WeightError.config(
        file: url.shortName,
        reason:
          "a single file has no tokenizer; put CLIP's at `tokenizers/clip` beside it, or name "
          + "a folder in diffusers layout that has one")
    }
    let clip = try CLIPTokenizer(folder: folder)
    // open_clip pads with zeros, and token 0 is the exclamation mark.
    let padded =
      isOpen
      ? CLIPTokenizer(
        vocabulary: clip.vocabulary, merges: clip.merges,
        special: CLIPTokenizer.SpecialTokens(padding: "!"), maxLength: clip.maxLength,
        added: clip.added) : clip
    return padded ?? clip
  }
}
