import Contract
package import Foundation
package import Models
package import Tensors
package import Weights

/// A latent diffusion model opened from a folder in diffusers layout, or from a single-file checkpoint: tokenizer,
/// text encoder, U-Net, VAE, schedule.
///
/// `z = scale * vae.encode(picture)`; the U-Net works on z, the VAE decodes `z / scale`.
package final class StableDiffusion {
  /// Where it was opened: the folder, or the file.
  package let folder: URL
  package private(set) var tokenizer: CLIPTokenizer
  package private(set) var textEncoder: CLIPTextModel
  package var unet: UNet2DConditionModel
  package let vae: AutoencoderKL
  /// Number format in which the U-Net's matrices were opened.
  package let unetFormat: DType
  /// Training may choose another than the folder's.
  package var schedule: NoiseSchedule

  /// - Parameters:
  ///   - folder: in diffusers layout, or a single-file checkpoint
  ///   - options: what a single file leaves open
  ///   - adapters: asked by the layers of `unet` and `text_encoder`
  ///   - unetFormat: `.bf16` for a U-Net that does not train
  package init(
    opening folder: URL, _ options: SingleFileOptions = SingleFileOptions(),
    adapters: [String: AdapterPlan] = [:], unet unetFormat: DType = .f32
  ) throws {
    self.unetFormat = unetFormat
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder),
      !isFolder.boolValue
    {
      let file = try SingleFile(folder, options, adapters: adapters, unet: unetFormat)
      (self.folder, tokenizer, textEncoder) = (folder, file.tokenizer, file.textEncoder)
      (unet, vae, schedule) = (file.unet, file.vae, NoiseSchedule(file.schedule))
      try requireFit()
      return
    }
    let index = folder.appendingPathComponent("model_index.json")
    guard FileManager.default.fileExists(atPath: index.path) else {
      throw DiffusionError.modelMissing(folder: folder.lastPathComponent)
    }
    let support = ModelSupport { try? Data(contentsOf: folder.appending(path: $0)) }
    if let reason = support.refusal {
      throw DiffusionError.invalidModel(folder: folder.lastPathComponent, reason: reason)
    }
    let model = try ModelFolder(folder)
    self.folder = folder
    schedule = NoiseSchedule(
      try SchedulerConfig(
        contentsOf: try model.folder("scheduler").appendingPathComponent("scheduler_config.json")))
    tokenizer = try CLIPTokenizer(folder: try model.folder("tokenizer"))
    textEncoder = try .open(
      try model.folder("text_encoder"), adapters: adapters["text_encoder"])
    unet = try .open(
      try model.folder("unet"), dtype: unetFormat, adapters: adapters["unet"])
    vae = try .open(try model.folder("vae"))
    try requireFit()
  }

  /// A model whose parts lie in memory.
  package init(
    folder: URL, tokenizer: CLIPTokenizer, textEncoder: CLIPTextModel, unet: UNet2DConditionModel,
    vae: AutoencoderKL, schedule: NoiseSchedule
  ) throws(DiffusionError) {
    (self.folder, self.tokenizer, self.textEncoder) = (folder, tokenizer, textEncoder)
    (self.unet, self.vae, self.schedule) = (unet, vae, schedule)
    unetFormat = .f32
    try requireFit()
  }

  /// The parts must agree with each other, whatever each config says alone.
  private func requireFit() throws(DiffusionError) {
    let checks = [
      (unet.config.inChannels == vae.config.latentChannels, "latent channels of unet and vae"),
      (unet.config.outChannels == unet.config.inChannels, "unet in_channels and out_channels"),
      (
        unet.config.crossAttentionDim == textEncoder.config.hiddenSize,
        "unet cross_attention_dim and text_encoder hidden_size"
      ),
      (
        tokenizer.rowCount <= textEncoder.config.vocabSize,
        "tokenizer and text_encoder vocab_size"
      ),
    ]
    if let failed = checks.first(where: { !$0.0 }) {
      throw .invalidModel(folder: folder.lastPathComponent, reason: "\(failed.1) differ")
    }
  }

  /// Side of the pictures the model was made for, in pixels.
  package var nativeSize: Int { (unet.config.sampleSize ?? 64) * pixelsPerLatent }
  /// Pixels per latent position and axis: 8 in Stable Diffusion.
  package var pixelsPerLatent: Int { vae.config.sideMultiple }
  /// Sides of a picture are multiples of this, so that every level of the U-Net halves evenly.
  package var sizeMultiple: Int { pixelsPerLatent * unet.config.sideMultiple }
  package var latentChannels: Int { vae.config.latentChannels }

  package func requireSize(width: Int, height: Int) throws(DiffusionError) {
    for (name, side) in [("width", width), ("height", height)]
    where side < sizeMultiple || side % sizeMultiple != 0 {
      throw .invalidRequest(
        parameter: name, reason: "\(side) pixels; this model draws multiples of \(sizeMultiple)")
    }
  }

  /// Gives a new word rows of its own, as `textual_inversion` files hold them.
  /// - Parameter rows: `[n, D]`
  /// - Returns: the ids that stand for the word
  @discardableResult
  package func learn(_ word: String, rows: Tensor) throws(DiffusionError) -> [Int] {
    let (count, width) = rows.shape2
    guard width == textEncoder.config.hiddenSize else {
      throw .invalidRequest(
        parameter: "embedding",
        reason: "\(word) has \(width) values a row, this model's text encoder "
          + "\(textEncoder.config.hiddenSize)")
    }
    let first =
      textEncoder.config.vocabSize + textEncoder.learnedRows.reduce(0) { $0 + $1.shape[0] }
    textEncoder.learnedRows.append(rows)
    let ids = Array(first..<first + count)
    tokenizer.learn(word, ids: ids)
    return ids
  }

  /// Makes a learned word stand for the first `count` of its rows only.
  package func shorten(_ word: String, to count: Int, of ids: [Int]) {
    tokenizer.learn(word, ids: Array(ids.prefix(count)))
  }

  /// - Returns: text states, `[B, T, D]`
  package func textStates(_ prompts: [String]) -> Tensor {
    textEncoder(prompts.map(tokenizer.encode))
  }

  /// - Parameters:
  ///   - zt: noised latents, `[B, H, W, C]`
  ///   - t: one timestep per sample, `[B]`
  ///   - context: text states, `[B, T, D]`
  /// - Returns: what the network predicts, `[B, H, W, C]`
  package func prediction(_ zt: Tensor, at t: [Float], context: Tensor) -> Tensor {
    unet(zt, t: t, context: context)
  }

  /// - Parameter z: scaled latents, `[B, H, W, C]`
  /// - Returns: pictures in -1...1, `[B, 8H, 8W, 3]`
  package func decode(_ z: Tensor) -> Tensor { vae.decode(z / vae.config.scalingFactor) }

  /// SHA-256 over the digests of the files that decide what the model draws, in the order of their paths; of a
  /// single file, its own digest.
  package func hash() throws -> String { try Self.hash(of: folder) }

  package static func hash(of folder: URL) throws -> String {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder),
      !isFolder.boolValue
    {
      return try FileDigest.sha256(folder)
    }
    let decisive = ["scheduler", "text_encoder", "tokenizer", "unet", "vae"]
    let lines = try decisive.flatMap { part in
      try FileManager.default.contentsOfDirectory(
        atPath: folder.appendingPathComponent(part).path
      ).sorted().filter { [".json", ".txt", ".safetensors"].contains(where: $0.hasSuffix) }.map {
        let file = folder.appendingPathComponent(part).appendingPathComponent($0)
        return "\(part)/\($0) \(try FileDigest.sha256(file))\n"
      }
    }
    return FileDigest.sha256(Data(lines.joined().utf8))
  }
}
