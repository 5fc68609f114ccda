import Contract
import Diffusion
import Testing

@Suite struct SamplerTests {
  @Test(arguments: [1, 2, 3, 999, 1000])
  func `every number of steps gives descending timesteps inside the schedule`(steps: Int) {
    for spacing in [SchedulerConfig.Spacing.leading, .linspace, .trailing] {
      var config = SchedulerConfig.stableDiffusion()
      config.timestepSpacing = spacing
      for name in SamplerName.allCases {
        let sampler = makeSampler(name, NoiseSchedule(config), steps: steps)
        let t = sampler.timesteps
        #expect(t.count == steps)
        #expect(t.allSatisfy { $0 >= 0 && $0 <= 999 })
        #expect(zip(t, t.dropFirst()).allSatisfy { $0 >= $1 })
      }
    }
  }
}
