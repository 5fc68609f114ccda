import Diffusion
import Foundation
import Models
import Tensors
import Testing
import Weights

@testable import Toybox

/// The whole of the pretraining with tiny networks and few steps.
@Suite struct PretrainingTests {
  private var plan: StarterPlan {
    var plan = StarterPlan()
    plan.sizes.side = 16
    plan.sizes.patch = 8
    (plan.sizes.textWidth, plan.sizes.textLayers, plan.sizes.visionLayers) = (8, 1, 1)
    (plan.sizes.vaeWidths, plan.sizes.vaeGroups) = ([4, 4, 8], 4)
    (plan.sizes.unetWidths, plan.sizes.unetGroups, plan.sizes.heads) = ([4, 8, 8], 4, 2)
    plan.pictures = 12
    for stage in [\StarterPlan.autoencoder, \.textImage, \.encoders, \.denoiser] {
      plan[keyPath: stage].steps = 4
      plan[keyPath: stage].batch = 4
      plan[keyPath: stage].checkpointEvery = 1
    }
    return plan
  }

  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("pretraining-\(UUID().uuidString)", isDirectory: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func workshop(_ folder: URL, _ plan: StarterPlan, minutes: Double? = nil)
    -> StarterWorkshop
  {
    StarterWorkshop(folder: folder, plan: plan, minutes: minutes) { _ in }
  }

  @Test func `The finished model opens strictly, part by part`() throws {
    try withFolder { folder in
      #expect(
        try StarterPretraining(workshop(folder, plan)).run(Set(StarterPretraining.Stage.allCases))
          == nil)
      let model = try ModelFolder(folder.appendingPathComponent("models/starter"))
      let vae = try AutoencoderKL.open(model.folder("vae"))
      let unet = try UNet2DConditionModel.open(model.folder("unet"))
      let text = try CLIPTextModel.open(model.folder("text_encoder"))
      let tokenizer = try CLIPTokenizer(folder: model.folder("tokenizer"))
      let schedule = try SchedulerConfig(
        contentsOf: model.folder("scheduler").appendingPathComponent("scheduler_config.json"))
      #expect(schedule.prediction == .velocity)
      #expect(tokenizer.encode("a red dog") == StarterTokenizer.tokenizer.encode("a red dog"))
      let context = text([tokenizer.encode("a dog")])
      let latents = unet(Tensor.zeros([1, 4, 4, 4]), t: [999], context: context)
      #expect(vae.decode(latents).shape == [1, 16, 16, 3])
      let clip = try CLIPModel.open(folder.appendingPathComponent("models/encoders/starter-clip"))
      #expect(clip.embedText([tokenizer.encode("a dog")]).shape == [1, 8])
    }
  }

  @Test func `The text encoder of the pipeline is the one that the denoiser was trained with`()
    throws
  {
    try withFolder { folder in
      _ = try StarterPretraining(workshop(folder, plan)).run(Set(StarterPretraining.Stage.allCases))
      let alone = try CLIPTextModel.open(
        folder.appendingPathComponent("models/starter/text_encoder"))
      let pair = try CLIPModel(
        workshop(folder, plan).ledger(of: "text-image").root, config: plan.sizes.clip)
      let ids = [StarterTokenizer.tokenizer.encode("a blue car at night")]
      #expect(alone(ids).values == pair.textModel(ids).values)
    }
  }

  @Test func `A run that was stopped after each step ends with the same bits`() throws {
    try withFolder { folder in
      let stages = Set(StarterPretraining.Stage.allCases).subtracting([.export])
      let whole = workshop(folder.appendingPathComponent("whole"), plan)
      #expect(try StarterPretraining(whole).run(stages) == nil)

      let parts = folder.appendingPathComponent("parts")
      var stops = 0
      while try StarterPretraining(workshop(parts, plan, minutes: 1e-9)).run(stages) != nil {
        stops += 1
        try #require(stops < 30)
      }
      #expect(stops == 4 * (plan.denoiser.steps - 1))
      let again = workshop(parts, plan)
      for stage in ["autoencoder", "text-image", "encoders", "denoiser"] {
        #expect(
          try FileDigest.sha256(whole.part(stage)) == FileDigest.sha256(again.part(stage)))
      }
    }
  }

  @Test func `A checkpoint of other settings is refused`() throws {
    try withFolder { folder in
      _ = try StarterPretraining(workshop(folder, plan, minutes: 1e-9)).run([.autoencoder])
      var other = plan
      other.autoencoder.learningRate *= 2
      #expect(throws: (any Error).self) {
        try StarterPretraining(workshop(folder, other)).run([.autoencoder])
      }
    }
  }

  @Test func `Cached latents have unit deviation`() throws {
    try withFolder { folder in
      let shop = workshop(folder, plan)
      let vae = try AutoencoderKL.random(plan.sizes.vae(scalingFactor: 1), seed: 1)
      let cache = try LatentCache(shop, vae: vae, world: ToyGrammar(seed: 1))
      let z = cache.latents.values
      let mean = z.reduce(0, +) / Float(z.count)
      let variance = z.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(z.count)
      #expect(abs(variance - 1) < 1e-3)
      let picked = cache.batch([3, 0]).values
      #expect(Array(picked.prefix(64)) == Array(z[192..<256]))
      #expect(Array(picked.suffix(64)) == Array(z[0..<64]))
    }
  }
}
