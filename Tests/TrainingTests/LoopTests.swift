import Contract
import Diffusion
import Tensors
import Testing
import Training

@Suite struct LoopTests {
  private func parts(_ loss: Tensor) -> DiffusionLoss.Parts {
    DiffusionLoss.Parts(total: loss, instance: loss, prior: nil)
  }

  private func trainer(
    _ tensors: [(key: String, tensor: Tensor)], accumulation: Int = 1, ema: Float? = nil
  ) -> Trainer {
    Trainer(
      ParameterGroup(tensors),
      Trainer.Settings(
        totalSteps: 10, learningRate: LearningRateSchedule(rate: 0.1), accumulation: accumulation,
        emaDecay: ema))
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
}
