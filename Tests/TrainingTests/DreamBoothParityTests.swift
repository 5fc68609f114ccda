import Contract
import Diffusion
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Training
import Weights

/// Ten DreamBooth steps with prior preservation against torch and diffusers (train_dreambooth.py), from given noise and
/// timesteps: AdamW on all U-Net weights, gradients clipped at norm 1.
@Suite struct DreamBoothParityTests {
  @Test(arguments: ["dreambooth_sd1", "dreambooth_sd2"])
  func `ten steps give the losses, norms and weights of the reference`(file: String) throws {
    let golden = try GoldenFile(file)("run")
    let scope = golden.weights
    let folder = try TemporaryFolder()
    _ = try folder.write("config.json", Array(golden.json("config")))
    let unet = try UNet2DConditionModel(scope, config: UNetConfig(folder: folder.url))
    let prefix = scope.path.count + 1
    let weights = ParameterGroup(
      scope.parameters.map { (key: String($0.key.dropFirst(prefix)), tensor: $0.tensor) })
    let before = weights.entries.map { $0.tensor.copy() }
    let logs = try train(unet, weights, golden)
    try golden.expectLogs(logs, file)
    try golden.expectSameWay(weights, from: before)
  }

  private func train(
    _ unet: UNet2DConditionModel, _ group: ParameterGroup, _ golden: GoldenCase
  ) throws -> [String: [Float]] {
    let schedule = NoiseSchedule(
      try JSONDecoder().decode(SchedulerConfig.self, from: golden.json("scheduler")))
    let loss = DiffusionLoss(schedule)
    let timesteps: [[Int]] = try golden.field("timesteps")
    let trainer = Trainer(group, try golden.trainerSettings(steps: timesteps.count))
    let priorWeight: Float = try golden.field("priorWeight")
    var logs: [String: [Float]] = [:]
    for (step, t) in timesteps.enumerated() {
      let latents = try golden.tensor("in", "latents\(step)")
      let noise = try golden.tensor("in", "noise\(step)")
      let context = try golden.tensor("in", "context\(step)")
      let metrics = try trainer.update { _ in
        let zt = schedule.addNoise(to: latents, noise: noise, at: t)
        let prediction = unet(zt, t: t.map { Float($0) }, context: context)
        return DiffusionLoss.parts(
          of: loss.perSample(prediction, of: latents, noise: noise, at: t), instances: t.count / 2,
          priorWeight: priorWeight)
      }
      logs["loss", default: []].append(metrics.loss)
      logs["instanceLoss", default: []].append(metrics.instanceLoss)
      logs["priorLoss", default: []].append(try #require(metrics.priorLoss))
      logs["gradientNorm", default: []].append(metrics.gradientNorm)
    }
    return logs
  }
}
