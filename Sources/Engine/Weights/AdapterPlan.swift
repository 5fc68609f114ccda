import Tensors

/// Which layers of one component get a low-rank adapter, and those that were made. A model built with a plan asks it at
/// each layer.
package final class AdapterPlan {
  package struct Shape: Equatable, Sendable {
    package var rank: Int
    package var alpha: Float
    /// Trains magnitudes too (DoRA).
    package var hasMagnitudes: Bool
    package init(rank: Int, alpha: Float, hasMagnitudes: Bool = false) {
      (self.rank, self.alpha, self.hasMagnitudes) = (rank, alpha, hasMagnitudes)
    }
  }

  /// `unet` or `text_encoder`.
  package let component: String
  package let shape: Shape
  private let philox: Philox
  private let includes: (String) -> Bool
  package private(set) var adapters: [LowRankAdapter] = []

  /// - Parameter includes: whether the layer at a path inside the component gets one
  package init(
    component: String, shape: Shape, seed: UInt64, includes: @escaping (String) -> Bool
  ) {
    (self.component, self.shape, self.includes) = (component, shape, includes)
    philox = Philox(seed: seed)
  }

  /// - Parameter weight: `[out, in]`, or `[out, in, kh, kw]`
  func adapter(at path: String, weight: Tensor) -> LowRankAdapter? {
    guard includes(path) else { return nil }
    let name = "\(component).\(AdaptableLayers.bare(path))"
    let (r, dims) = (shape.rank, weight.shape.dims)
    // Gaussian with deviation 1 / r and zeros, as the diffusers scripts begin.
    let down =
      philox.draw(.initialization, index: name.stableIndex)
      .normal(Tensors.Shape([r] + dims.dropFirst())) * (1 / Float(r))
    let up = Tensor.zeros(Tensors.Shape([dims[0], r] + dims.dropFirst(2).map { _ in 1 }))
    let adapter = LowRankAdapter(
      path: name, down: down.detached(), up: up, magnitude: nil, alpha: shape.alpha)
    let made =
      shape.hasMagnitudes
      ? LowRankAdapter(
        path: name, down: adapter.down, up: up, magnitude: adapter.norms(of: weight).detached(),
        alpha: shape.alpha) : adapter
    adapters.append(made)
    return made
  }
}

extension String {
  /// FNV-1a of the name, for draws: neighbours do not move when a layer is added between them.
  var stableIndex: Int {
    Int(utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 } >> 1)
  }
}
