import Diffusion
import Foundation
import Tensors
import TestSupport
import Testing

/// Betas, noised latents and velocities against diffusers' DDPMScheduler.
@Suite struct ScheduleParityTests {
  // f32 values of a product over a thousand factors; diffusers multiplies them in f32, too.
  static let tolerance = Tolerance(relative: 1e-5, ofLargest: 1e-6)

  @Test func `schedules, noised latents and velocities agree with diffusers`() throws {
    for golden in try GoldenFile("schedules").cases {
      let config = try JSONDecoder().decode(SchedulerConfig.self, from: golden.json("scheduler"))
      let schedule = NoiseSchedule(config)
      let (x, noise) = (try golden.tensor("in", "x"), try golden.tensor("in", "noise"))
      let t: [Int] = try golden.field("timesteps")
      let found = [
        "betas": Tensor(schedule.betas, shape: [schedule.stepCount]),
        "alphas_cumprod": Tensor(schedule.alphaBars, shape: [schedule.stepCount]),
        "noisy": schedule.addNoise(to: x, noise: noise, at: t),
        "velocity": schedule.velocity(of: x, noise: noise, at: t),
      ]
      for (key, tensor) in found {
        expectClose(tensor, try golden.tensor("out", key), "\(golden.name) \(key)", Self.tolerance)
      }
    }
  }
}
