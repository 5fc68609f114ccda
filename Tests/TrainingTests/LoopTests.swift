import Contract
import Diffusion
import Tensors
import TestSupport
import Testing
import Training
import Weights

@Suite struct LoopTests {
  private func parts(_ loss: Tensor) -> DiffusionLoss.Parts {
    DiffusionLoss.Parts(total: loss, instance: loss, prior: nil)
  }

  private func trainer(
    _ tensors: [(key: String, tensor: Tensor)], accumulation: Int = 1, ema: Float? = nil,
    _ gradients: GradientUse = .kept, compact: Philox? = nil, maxNorm: Float = 1,
    startingAt step: Int = 0
  ) -> Trainer {
    var settings = Trainer.Settings(
      totalSteps: 10, learningRate: LearningRateSchedule(rate: 0.1), maxGradientNorm: maxNorm,
      accumulation: accumulation, emaDecay: ema, compactMoments: compact)
    settings.gradients = gradients
    return Trainer(ParameterGroup(tensors), settings, startingAt: step)
  }

  /// Two layers, one of them used three times, twice inside recomputed bodies.
  private struct Net {
    let a = Philox(seed: 1).draw(.test).normal([5, 5])
    let b = Philox(seed: 1).draw(.test, index: 1).normal([5, 5])
    var tensors: [(key: String, tensor: Tensor)] { [("a", a), ("b", b)] }

    func loss(_ step: Int) -> Tensor {
      let x = Philox(seed: 2).draw(.test, index: step).normal([3, 5])
      let h = recompute([linear(x, a)]) { linear(silu($0[0]), b) + linear($0[0], a) }
      return mean(square(recompute([h]) { linear(silu($0[0]), a) }))
    }
  }

  @Test func `one update of AdamW is the sum worked by hand`() throws {
    let w = Tensor([2], shape: [1])
    // loss = w^2 / 8: gradient 0.5, below the clipping norm.
    let metrics = try trainer([("w", w)]).update { _ in parts(square(w) / 8) }
    // p = 2 (1 - 0.1 * 0.01) - 0.1 * m^ / (sqrt(v^) + eps); m^ / sqrt(v^) is 1 in the first step.
    #expect(abs(w.item - 1.898) < 1e-5)
    #expect(abs(metrics.gradientNorm - 0.5) < 1e-6)
    #expect(metrics.loss == 0.5)
    #expect(metrics.step == 1)
  }

  @Test func `accumulated batches are averaged`() throws {
    let w = Tensor([2], shape: [1])
    let metrics = try trainer([("w", w)], accumulation: 2).update { batch in
      parts(w * (batch == 0 ? 0.1 : 0.5))
    }
    #expect(abs(metrics.loss - 0.6) < 1e-6)
    #expect(abs(metrics.gradientNorm - 0.3) < 1e-6)
  }

  @Test func `a parameter without gradient stays as it is`() throws {
    let (w, idle) = (Tensor([2], shape: [1]), Tensor([3], shape: [1]))
    _ = try trainer([("w", w), ("idle", idle)]).update { _ in parts(w * 1) }
    #expect(idle.item == 3)
    #expect(w.item != 2)
  }

  @Test func `gradients are clipped by their global norm`() {
    let group = ParameterGroup([("a", Tensor([1], shape: [1])), ("b", Tensor([1], shape: [1]))])
    group.entries[0].tensor.gradient = Tensor([3], shape: [1])
    group.entries[1].tensor.gradient = Tensor([4], shape: [1])
    let clipping = GradientClipping(maxNorm: 1)
    #expect(clipping.norm(of: group) == 5)
    #expect(abs(clipping.scale(for: 5) - 0.2) < 1e-6)
    #expect(clipping.scale(for: 0.5) == 1)
  }

  @Test func `P5 the rate warms up and is never zero`() {
    let schedule = LearningRateSchedule(rate: 1, warmupSteps: 4)
    #expect((1...5).map { schedule.rate(at: $0) } == [0.25, 0.5, 0.75, 1, 1])
    #expect(LearningRateSchedule(rate: 1).rate(at: 1) == 1)
  }

  @Test func `the average trails the weights and is put in place on demand`() throws {
    let w = Tensor([2], shape: [1])
    let trainer = trainer([("w", w)], ema: 0.5)
    _ = try trainer.update { _ in parts(w * 1) }
    let average = try #require(trainer.average)
    let tuned = w.item
    #expect(tuned != 2)
    average.inPlace { #expect(abs(w.item - (2 + tuned) / 2) < 1e-6) }
    #expect(w.item == tuned)
  }

  @Test(arguments: [Float.nan, .infinity])
  func `P26 a loss that is not finite stops at its step and changes nothing`(bad: Float) throws {
    let w = Tensor([2], shape: [1])
    let trainer = trainer([("w", w)])
    _ = try trainer.update { _ in parts(w * 1) }
    let before = w.item
    #expect(throws: TrainingError.nonfinite(tensor: "loss", step: 2)) {
      try trainer.update { _ in parts(w * bad) }
    }
    #expect(w.item == before)
    #expect(trainer.step == 1)
  }

  @Test func `P26 a gradient that is not finite is named`() throws {
    let (w, v) = (Tensor([0], shape: [1]), Tensor([1], shape: [1]))
    let trainer = trainer([("unet.w", w), ("unet.v", v)])
    // The square root is finite at 0, its slope is not.
    #expect(throws: TrainingError.nonfinite(tensor: "gradient of unet.w", step: 1)) {
      try trainer.update { _ in parts(sqrt(w) + v) }
    }
    #expect(v.item == 1)
  }

  /// Values of both layers after some updates, and the norms on the way.
  private func trained(
    _ gradients: GradientUse, compact: Philox? = nil, maxNorm: Float, steps: Int = 4
  ) throws -> (values: [[Float]], norms: [Float]) {
    let net = Net()
    let trainer = trainer(net.tensors, gradients, compact: compact, maxNorm: maxNorm)
    let norms = try (1...steps).map { step in
      try trainer.update { _ in parts(net.loss(step)) }.gradientNorm
    }
    return ([net.a.values, net.b.values], norms)
  }

  @Test(arguments: [nil, Philox(seed: 4)])
  func `gradients applied at once give the bits of kept ones while nothing is clipped`(
    compact: Philox?
  ) throws {
    let kept = try trained(.kept, compact: compact, maxNorm: 1e6)
    let applied = try trained(.applied, compact: compact, maxNorm: 1e6)
    #expect(kept.values == applied.values && kept.norms == applied.norms)
    #expect(kept.values != [Net().a.values, Net().b.values])
  }

  @Test func `gradients applied at once are clipped exactly in the first update`() throws {
    let kept = try trained(.kept, maxNorm: 0.1, steps: 1)
    let applied = try trained(.applied, maxNorm: 0.1, steps: 1)
    #expect(kept.norms[0] > 0.2 && kept.values == applied.values)
  }

  @Test func `later they are clipped by the norm before, and never above the limit alone`() throws {
    let w = Tensor([2], shape: [1])
    let slope: [Float] = [4, 0.5, 8]
    // With beta1 = 0 and beta2 = 0 an update is the sign alone, so the moments are looked at.
    let trainer = trainer([("w", w)], .applied)
    var scaled: [Float] = []
    for step in 0..<3 {
      _ = try trainer.update { _ in parts(w * slope[step]) }
      var writer = SafetensorsWriter()
      trainer.optimizer.save(to: &writer)
      let folder = try TemporaryFolder()
      try writer.write(to: folder.file("m"))
      scaled.append(try SafetensorsFile(folder.file("m")).tensor("m.w").item)
    }
    // m = 0.9 m + 0.1 g: g is 1 (of 4, exact), 0.125 (0.5 / 4), 1 (8, its own norm).
    #expect(abs(scaled[0] - 0.1) < 1e-5)
    #expect(abs(scaled[1] - (0.09 + 0.0125)) < 1e-5)
    #expect(abs(scaled[2] - (0.9 * scaled[1] + 0.1)) < 1e-5)
  }

  @Test(arguments: [GradientUse.kept, .applied], [nil, Philox(seed: 4)])
  func `four updates equal two plus two, through a file`(
    gradients: GradientUse, compact: Philox?
  ) throws {
    let whole = try trained(gradients, compact: compact, maxNorm: 0.1)
    let net = Net()
    let first = trainer(net.tensors, gradients, compact: compact, maxNorm: 0.1)
    for step in 1...2 { _ = try first.update { _ in parts(net.loss(step)) } }
    let folder = try TemporaryFolder()
    var writer = SafetensorsWriter()
    first.optimizer.save(to: &writer)
    try writer.write(to: folder.file("moments"))
    let second = trainer(
      net.tensors, gradients, compact: compact, maxNorm: 0.1, startingAt: 2)
    try second.optimizer.load(SafetensorsFile(folder.file("moments")))
    second.carriedNorm = first.carriedNorm
    for step in 3...4 { _ = try second.update { _ in parts(net.loss(step)) } }
    #expect([net.a.values, net.b.values] == whole.values)
  }

  @Test func `P26 applied at once, a gradient that is not finite is named and not applied`() throws
  {
    let (w, v) = (Tensor([0], shape: [1]), Tensor([1], shape: [1]))
    let trainer = trainer([("unet.w", w), ("unet.v", v)], .applied)
    #expect(throws: TrainingError.nonfinite(tensor: "gradient of unet.w", step: 1)) {
      try trainer.update { _ in parts(sqrt(w) + v) }
    }
    #expect(w.item == 0 && v.item == 1 && trainer.step == 0)
  }
}
