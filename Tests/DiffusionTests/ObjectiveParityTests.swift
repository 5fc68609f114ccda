import Diffusion
import Foundation
import Tensors
import TestSupport
import Testing

/// Choices in what is minimised, against torch and diffusers.
@Suite struct ObjectiveParityTests {
  private let golden: GoldenFile

  init() throws { golden = try GoldenFile("objective") }

  private func schedule(_ c: GoldenCase) throws -> NoiseSchedule {
    NoiseSchedule(try JSONDecoder().decode(SchedulerConfig.self, from: c.json("scheduler")))
  }

  @Test(arguments: ["epsilon", "v_prediction"])
  func `P22 P23 min-SNR weights and the loss of both halves`(prediction: String) throws {
    let table = try golden("snr_\(prediction)")
    let loss = DiffusionLoss(try schedule(table), minSnrGamma: try table.field("gamma"))
    let times: [Int] = try table.field("timesteps")
    expectClose(
      Tensor(times.map(loss.weight), shape: [times.count]), try table.tensor("out", "weight"),
      "weights", Tolerance(relative: 1e-5, ofLargest: 0))

    let c = try golden("min_snr_\(prediction)")
    let t: [Int] = try c.field("timesteps")
    let said = try c.tensor("in", "prediction")
    said.isTrainable = true
    let losses = loss.perSample(
      said, of: try c.tensor("in", "latents"), noise: try c.tensor("in", "noise"), at: t)
    expectClose(losses.detached(), try c.tensor("out", "perSample"), "per sample", .tight)
    let parts = DiffusionLoss.parts(
      of: losses, instances: 2, priorWeight: try c.field("priorWeight"))
    expectClose(parts.total.detached(), try c.tensor("out", "loss"), "loss", .tight)
    expectClose(parts.instance.detached(), try c.tensor("out", "instanceLoss"), "instance", .tight)
    parts.total.backward()
    expectClose(
      said.gradient, try c.tensor("out", "gradient.prediction"), "gradient", .tight)
  }

  @Test func `a schedule rescaled to zero terminal SNR`() throws {
    let c = try golden("zero_terminal_snr")
    let schedule = try schedule(c)
    #expect(schedule.config.zeroTerminalSNR)
    expectClose(
      Tensor(schedule.betas, shape: [schedule.betas.count]), try c.tensor("out", "betas"),
      "betas", .tight)
    expectClose(
      Tensor(schedule.alphaBars, shape: [schedule.betas.count]),
      try c.tensor("out", "alphas_cumprod"), "alphaBars", .tight)
    let t: [Int] = try c.field("timesteps")
    let (x, noise) = (try c.tensor("in", "x"), try c.tensor("in", "noise"))
    expectClose(
      schedule.addNoise(to: x, noise: noise, at: t), try c.tensor("out", "noisy"), "noisy", .tight)
    expectClose(
      schedule.velocity(of: x, noise: noise, at: t), try c.tensor("out", "velocity"), "velocity",
      .tight)
  }

  @Test(arguments: ["masked_out", "masked_partly"])
  func `a masked loss`(name: String) throws {
    let c = try golden(name)
    let schedule = try schedule(c)
    let t: [Int] = try c.field("timesteps")
    let outside: Float = try c.field("unmaskedWeight")
    let mask = try c.tensor("in", "mask") * (1 - outside) + outside
    let said = try c.tensor("in", "prediction")
    said.isTrainable = true
    let loss = DiffusionLoss(schedule)
    let target = loss.target(
      of: try c.tensor("in", "latents"), noise: try c.tensor("in", "noise"), at: t)
    let losses = loss.perSample(said, target: target, at: t, mask: mask)
    expectClose(losses.detached(), try c.tensor("out", "perSample"), "per sample", .tight)
    mean(losses).backward()
    expectClose(
      said.gradient, try c.tensor("out", "gradient.prediction"), "gradient", .tight)
  }
}

extension Tolerance {
  fileprivate static let tight = Tolerance(relative: 1e-4, ofLargest: 1e-6)
}
