package import Diffusion
import Foundation
import Models
import Weights

/// Writes the finished parts as folders that other tools load: the pipeline in diffusers layout, and the pair
/// of encoders in transformers layout.
///
/// The big parts are stored in f16. The text encoder keeps f32: transformers opens a model in the format of its
/// file, and diffusers would then mix f16 text states with an f32 U-Net.
package struct StarterExport {
  /// Stable Diffusion's schedule; the network says the velocity, which learns the large shapes sooner.
  package static let schedule = SchedulerConfig.stableDiffusion(prediction: .velocity)

  let workshop: StarterWorkshop

  package init(_ workshop: StarterWorkshop) { self.workshop = workshop }

  /// Writes `starter` and `encoders/starter-clip` below the workshop's `models` folder.
  package func run() throws {
    let models = workshop.folder.appendingPathComponent("models", isDirectory: true)
    try pipeline(models.appendingPathComponent("starter", isDirectory: true))
    try encoders(models.appendingPathComponent("encoders/starter-clip", isDirectory: true))
    workshop.log("export: \(models.path)")
  }

  private func pipeline(_ folder: URL) throws {
    func part(_ name: String) throws -> URL {
      let url = folder.appendingPathComponent(name, isDirectory: true)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      return url
    }
    let sizes = workshop.plan.sizes
    let latents = try LatentCache.scalingFactor(of: workshop)
    try StarterTokenizer.tokenizer.save(to: part("tokenizer"))
    try CLIPTextModel(
      workshop.ledger(of: TextImageStage.name(of: .captions)).root / "text_model",
      config: sizes.clip.textConfig
    ).save(to: part("text_encoder"))
    try UNet2DConditionModel(workshop.ledger(of: DenoiserStage.name).root, config: sizes.unet)
      .save(to: part("unet"), dtype: .f16)
    try AutoencoderKL(
      workshop.ledger(of: AutoencoderStage.name).root, config: sizes.vae(scalingFactor: latents)
    ).save(to: part("vae"), dtype: .f16)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try AtomicFile.write(
      encoder.encode(Self.schedule) + Data("\n".utf8),
      to: part("scheduler").appendingPathComponent("scheduler_config.json"))
    try ModelFolder.writeIndex(to: folder)
  }

  private func encoders(_ folder: URL) throws {
    let sizes = workshop.plan.sizes
    try CLIPModel(
      workshop.ledger(of: TextImageStage.name(of: .individuals)).root, config: sizes.clip
    )
    .save(to: folder, dtype: .f16)
    try StarterTokenizer.tokenizer.save(to: folder)
    let preprocessor = """
      {
        "crop_size": {"height": \(sizes.side), "width": \(sizes.side)},
        "do_center_crop": true,
        "do_convert_rgb": true,
        "do_normalize": true,
        "do_rescale": true,
        "do_resize": true,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "CLIPImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": \(sizes.side)}
      }

      """
    try AtomicFile.write(
      Data(preprocessor.utf8), to: folder.appendingPathComponent("preprocessor_config.json"))
  }
}
