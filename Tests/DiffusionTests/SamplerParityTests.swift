import Diffusion
import Foundation
import Tensors
import TestSupport
import Testing

/// Each sampler against the scheduler of diffusers it is named after, step by step, with given model outputs
/// and given noise. Errors are not reset between steps.
@Suite struct SamplerParityTests {
  // A few roundings per step; sigmas of f32 tables on both sides.
  static let tolerance = Tolerance(relative: 1e-4, ofLargest: 1e-5)
  let samplers: [String: any Sampler.Type] = [
    "ddpm": DDPMSampler.self, "ddim": DDIMSampler.self, "euler": EulerSampler.self,
    "euler_leading": EulerSampler.self, "euler_ancestral": EulerAncestralSampler.self,
    "euler_ancestral_leading": EulerAncestralSampler.self,
    "dpmpp_2m_karras": DPMSolver2MSampler.self,
  ]

  @Test func `every step agrees with diffusers`() throws {
    let cases = try GoldenFile("samplers").cases
    #expect(
      try Set(cases.map { try $0.field("sampler", as: String.self) }) == Set(samplers.keys))
    for golden in cases { try check(golden) }
  }

  private func check(_ golden: GoldenCase) throws {
    let config = try JSONDecoder().decode(SchedulerConfig.self, from: golden.json("scheduler"))
    let steps: Int = try golden.field("steps")
    let type = try #require(samplers[try golden.field("sampler")])
    var sampler = type.init(NoiseSchedule(config), steps: steps)
    let expected = try golden.tensors("out")
    let timesteps = try #require(expected["timesteps"])
    expectClose(
      Tensor(sampler.timesteps, shape: [sampler.timesteps.count]), timesteps,
      "\(golden.name) timesteps", Tolerance(relative: 1e-6, ofLargest: 0))
    let sigma: Float = try golden.field("initNoiseSigma")
    #expect(Swift.abs(sampler.initialSigma - sigma) < 1e-5 * sigma, "\(golden.name)")
    guard sampler.timesteps.count == timesteps.count else { return }

    let row = { (tensor: Tensor?, i: Int) throws -> Tensor in
      try #require(tensor).slice(axis: 0, i..<(i + 1))
    }
    let (outputs, noise) = (
      try golden.tensor("in", "modelOutputs"), try golden.tensor("in", "noise")
    )
    var x = try golden.tensor("in", "start") * sampler.initialSigma
    for i in 0..<timesteps.count {
      expectClose(
        sampler.input(x, at: i), try row(expected["inputs"], i), "\(golden.name) input \(i)",
        Self.tolerance)
      let given = try row(noise, i)
      x = sampler.step(i, x, prediction: try row(outputs, i)) { given }
      expectClose(
        x, try row(expected["samples"], i + 1), "\(golden.name) step \(i)", Self.tolerance)
    }
  }
}
