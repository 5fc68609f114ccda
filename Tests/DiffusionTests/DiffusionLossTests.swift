import Diffusion
import Tensors
import Testing

@Suite struct DiffusionLossTests {
  @Test func `P24 instance and prior loss are kept apart, and their weighted sum is the total`() {
    let losses = Tensor([1, 3, 10, 20], shape: [4])
    let parts = DiffusionLoss.parts(of: losses, instances: 2, priorWeight: 0.5)
    #expect(parts.instance.item == 2)
    #expect(parts.prior?.item == 15)
    #expect(parts.total.item == 9.5)
  }

  @Test func `without class pictures the total is the instance loss`() {
    let parts = DiffusionLoss.parts(of: Tensor([1, 3], shape: [2]), instances: 2, priorWeight: 1)
    #expect(parts.prior == nil)
    #expect(parts.total.item == 2)
  }

  @Test func `each sample's loss uses its own timestep`() {
    let loss = DiffusionLoss(NoiseSchedule(.stableDiffusion(prediction: .velocity)))
    let z = Tensor([1, 1], shape: [2, 1, 1, 1])
    let noise = Tensor([0, 0], shape: [2, 1, 1, 1])
    let found = loss.perSample(Tensor.zeros([2, 1, 1, 1]), of: z, noise: noise, at: [0, 999]).values
    // v = -sqrt(1 - alphaBar) z, so the loss is 1 - alphaBar.
    let expected = [0, 999].map { 1 - loss.schedule.alphaBars[$0] }
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 })
  }
}
