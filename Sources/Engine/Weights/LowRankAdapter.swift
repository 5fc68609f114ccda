package import Tensors

/// A trainable addition to one frozen layer (LoRA, 2106.09685; with a magnitude DoRA, 2402.09353). The layer computes
/// with it, see `Models/Layers/LowRankAdapter+Forward.swift`; until `up` is trained it changes nothing.
package final class LowRankAdapter {
  /// Path of the layer as in `LowRankUpdates`, the component in front.
  package let path: String
  /// `[r, in]`, or `[r, in, kh, kw]`
  package let down: Tensor
  /// `[out, r]`, or `[out, r, 1, 1]`
  package let up: Tensor
  /// `[out]`: length of each row of the adapted weight; nil without DoRA.
  package let magnitude: Tensor?
  package let alpha: Float
  /// Whether the layer uses it; the frozen base is the model with all of them off.
  package var isActive = true
  /// Share of the inputs that is left out, and the draw that says which; set for each training step.
  package var dropout: (share: Float, draw: Draw)?

  package var rank: Int { down.shape[0] }
  /// Factor on up(down(x)).
  package var scale: Float { alpha / Float(rank) }

  package init(path: String, down: Tensor, up: Tensor, magnitude: Tensor?, alpha: Float) {
    (self.path, self.down, self.up) = (path, down, up)
    (self.magnitude, self.alpha) = (magnitude, alpha)
  }

  package var update: LowRankUpdate {
    LowRankUpdate(down: down, up: up, alpha: alpha, magnitude: magnitude)
  }

  /// The tensors that train, by name.
  package var tensors: [(key: String, tensor: Tensor)] {
    [("\(path).down", down), ("\(path).up", up)]
      + (magnitude.map { [("\(path).magnitude", $0)] } ?? [])
  }

  /// Length of each row of `weight + scale up down`, `[out]`; no gradient flows through (2402.09353, section 4.3).
  package func norms(of weight: Tensor) -> Tensor {
    LowRankUpdate.rowNorms(update.added(to: weight))
  }
}
