import Diffusion
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct ObjectiveTests {
  private let epsilon = NoiseSchedule(.stableDiffusion())
  private let velocity = NoiseSchedule(.stableDiffusion(prediction: .velocity))

  /// Worked by hand from alphaBar: snr = alphaBar / (1 - alphaBar).
  @Test func `P23 min-SNR weights of noise and velocity at ten steps`() {
    for t in stride(from: 0, to: 1000, by: 111) {
      let bar = Double(epsilon.alphaBars[t])
      let snr = bar / (1 - bar)
      let noise = DiffusionLoss(epsilon, minSnrGamma: 5).weight(at: t)
      #expect(abs(Double(noise) - min(snr, 5) / snr) < 1e-5)
      let speed = DiffusionLoss(velocity, minSnrGamma: 5).weight(at: t)
      #expect(abs(Double(speed) - min(snr, 5) / (snr + 1)) < 1e-5)
      #expect(DiffusionLoss(epsilon).weight(at: t) == 1)
    }
  }

  @Test(arguments: [1, 4])
  func `P22 min-SNR weighs both halves of a batch, each sample by its own step`(B: Int) {
    let t = (0..<2 * B).map { 60 + 97 * $0 }
    let draw = Philox(seed: 4)
    let shape: Shape = [2 * B, 2, 2, 4]
    let prediction = draw.draw(.test).normal(shape)
    let noise = draw.draw(.test, index: 1).normal(shape)
    let loss = DiffusionLoss(epsilon, minSnrGamma: 5)
    let losses = loss.perSample(prediction, of: noise, noise: noise, at: t)
    let plain = DiffusionLoss(epsilon).perSample(prediction, of: noise, noise: noise, at: t)
    let parts = DiffusionLoss.parts(of: losses, instances: B, priorWeight: 0.5)
    let weighed = zip(plain.values, t).map { $0 * loss.weight(at: $1) }
    let instance = weighed[..<B].reduce(0, +) / Float(B)
    let prior = weighed[B...].reduce(0, +) / Float(B)
    #expect(abs(parts.instance.item - instance) < 1e-6)
    #expect(abs((parts.prior?.item ?? 0) - prior) < 1e-6)
    #expect(abs(parts.total.item - (instance + 0.5 * prior)) < 1e-6)
    #expect(weighed != plain.values)
  }

  @Test func `a masked loss is the mean over what the mask lets through`() {
    let (a, b) = (Tensor.full([1, 2, 2, 3], 1), Tensor.zeros([1, 2, 2, 3]))
    let target = Tensor((0..<12).map { $0 < 3 ? 0 : 5 }, shape: [1, 2, 2, 3])
    let mask = Tensor([1, 0, 0, 0], shape: [1, 2, 2, 1])
    let loss = DiffusionLoss(epsilon).perSample(a, target: target, at: [10], mask: mask)
    #expect(abs(loss.item - 1) < 1e-6)
    let whole = DiffusionLoss(epsilon).perSample(
      a, target: b, at: [10], mask: .full([1, 2, 2, 1], 1))
    #expect(abs(whole.item - 1) < 1e-6)
  }

  @Test func `consistency is the softplus of beta times what the base does better`() throws {
    let tuned = Tensor([1, 0.5, 3, 0.1], shape: [4])
    let base = Tensor([1, 1, 1, 1], shape: [4])
    let loss = ConsistencyLoss(beta: 100)(tuned, base: base).values
    #expect(abs(loss[0] - Float(log(2.0))) < 1e-6)
    #expect(loss[1] < 1e-6 && abs(loss[2] - 200) < 1e-3 && loss.allSatisfy(\.isFinite))
    tuned.isTrainable = true
    sum(ConsistencyLoss(beta: 100)(tuned, base: base)).backward()
    // beta sigmoid(beta (tuned - base)): a half where nothing has been learned yet
    let slopes = try #require(tuned.gradient).values
    #expect(abs(slopes[0] - 50) < 1e-3 && slopes[1] < 1e-3 && abs(slopes[2] - 100) < 1e-3)
  }

  @Test func `zero terminal SNR ends in pure noise and begins as before`() throws {
    var config = SchedulerConfig.stableDiffusion(prediction: .velocity)
    config.zeroTerminalSNR = true
    let schedule = NoiseSchedule(config)
    #expect(schedule.alphaBars[999] == 0)
    #expect(abs(schedule.alphaBars[0] - velocity.alphaBars[0]) < 1e-6)
    #expect(zip(schedule.alphaBars, schedule.alphaBars.dropFirst()).allSatisfy { $0 > $1 })
    #expect(schedule.sigmas[999].isFinite)
    let data = try JSONEncoder().encode(config)
    #expect(try JSONDecoder().decode(SchedulerConfig.self, from: data) == config)
  }
}
