package import Foundation
import Models
import Weights

/// A complete model folder in diffusers layout with random weights: 16 px pictures, 8 x 8 latents.
package enum TinyModel {
  package static func write(to folder: URL, seed: UInt64 = 1) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try ModelFolder.writeIndex(to: folder)
    try UNet2DConditionModel.random(.tiny, seed: seed).save(to: folder.appending(path: "unet"))
    try AutoencoderKL.random(.tiny, seed: seed + 1).save(to: folder.appending(path: "vae"))
    try CLIPTextModel.random(text, seed: seed + 2).save(to: folder.appending(path: "text_encoder"))
    try tokenizer.save(to: folder.appending(path: "tokenizer"))
    let scheduler = folder.appending(path: "scheduler")
    try FileManager.default.createDirectory(at: scheduler, withIntermediateDirectories: true)
    try Data(schedule.utf8).write(to: scheduler.appending(path: "scheduler_config.json"))
  }

  /// An encoder pair in transformers' CLIPModel layout.
  package static func writeEncoderPair(to folder: URL, seed: UInt64 = 5) throws {
    let vision = CLIPVisionConfig(
      hiddenSize: 8, intermediateSize: 16, numHiddenLayers: 1, numAttentionHeads: 2, imageSize: 8,
      patchSize: 4, hiddenAct: .quickGelu)
    try CLIPModel.random(
      CLIPConfig(textConfig: text, visionConfig: vision, projectionDim: 6), seed: seed
    ).save(to: folder)
    try tokenizer.save(to: folder)
    let transform = """
      {"size": {"shortest_edge": 8}, "crop_size": {"height": 8, "width": 8},
       "image_mean": [0.48, 0.45, 0.40], "image_std": [0.26, 0.26, 0.27]}
      """
    try Data(transform.utf8).write(to: folder.appending(path: "preprocessor_config.json"))
  }

  private static let text = CLIPTextConfig(
    vocabSize: 520, hiddenSize: 8, intermediateSize: 16, numHiddenLayers: 1, numAttentionHeads: 2,
    maxPositionEmbeddings: 12, hiddenAct: .quickGelu, bosTokenId: 512, eosTokenId: 513,
    padTokenId: 513)

  /// Letters, each alone and at the end of a word, and a few whole words.
  private static var tokenizer: CLIPTokenizer {
    get throws {
      let letters = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { String(UnicodeScalar($0)) }
      let words = ["do", "dog</w>", "zq</w>", "xv</w>"]
      let symbols = letters + letters.map { $0 + "</w>" } + words
      var vocabulary = Dictionary(uniqueKeysWithValues: zip(symbols, 0...))
      vocabulary["<|startoftext|>"] = 512
      vocabulary["<|endoftext|>"] = 513
      let merges = [("d", "o"), ("do", "g</w>"), ("z", "q</w>"), ("x", "v</w>")]
      guard
        let tokenizer = CLIPTokenizer(
          vocabulary: vocabulary, merges: merges.map { (left: $0.0, right: $0.1) }, maxLength: 12)
      else { throw WeightError.config(file: "tokenizer", reason: "lacks a special token") }
      return tokenizer
    }
  }

  /// Stable Diffusion 1.x's own.
  private static let schedule = """
    {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
     "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "set_alpha_to_one": false,
     "steps_offset": 1, "trained_betas": null, "clip_sample": false, "skip_prk_steps": true}
    """
}
