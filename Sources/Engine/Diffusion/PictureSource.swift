package import Tensors

/// Where the noise of one picture comes from. Picture k depends on its own source only, never on its neighbours.
package struct PictureSource: Equatable, Sendable {
  package let seed: UInt64
  package let purpose: Purpose
  package let index: Int

  /// A picture that a person asked for by its seed.
  package init(seed: UInt64) { self.init(seed: seed, purpose: .previewNoise, index: 0) }

  /// - Parameter index: number of the picture in a series that shares one seed
  package init(seed: UInt64, purpose: Purpose, index: Int) {
    (self.seed, self.purpose, self.index) = (seed, purpose, index)
  }

  /// First latents, `[1, H, W, C]`
  func start(_ shape: Shape) -> Tensor {
    Philox(seed: seed).draw(purpose, index: index).normal(shape)
  }

  /// Noise of sampler step `step`, `[1, H, W, C]`
  func noise(_ shape: Shape, step: Int) -> Tensor {
    Philox(seed: seed).draw(.samplerNoise, step: step, index: index).normal(shape)
  }
}
