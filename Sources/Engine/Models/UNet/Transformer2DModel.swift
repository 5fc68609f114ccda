package import Tensors
package import Weights

/// A transformer block over the positions of a picture.
///
///     y = x + projOut(block(projIn(norm(x)), context))
///
/// Must match `diffusers.models.transformers.Transformer2DModel`; GroupNorm eps 1e-6.
package struct Transformer2DModel {
  /// The two projections: 1x1 convolutions in SD 1.x, linear layers in SD 2.x. The same arithmetic,
  /// another shape of weight in the file.
  package enum Projection {
    case convolution(Conv2d)
    case linear(Linear)

    init(_ w: WeightScope, channels: Int, isLinear: Bool) throws(WeightError) {
      self =
        isLinear
        ? .linear(try Linear(w, from: channels, to: channels))
        : .convolution(try Conv2d(w, from: channels, to: channels, kernel: 1))
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      switch self {
      case .convolution(let convolution): convolution(x)
      case .linear(let linear): linear(x)
      }
    }
  }

  let norm: GroupNorm
  let projIn: Projection
  let block: BasicTransformerBlock
  let projOut: Projection

  package init(
    _ w: WeightScope, channels: Int, context: Int, heads: Int, groups: Int, isLinear: Bool
  ) throws(WeightError) {
    norm = try GroupNorm(w / "norm", channels: channels, groups: groups, eps: 1e-6)
    projIn = try Projection(w / "proj_in", channels: channels, isLinear: isLinear)
    block = try BasicTransformerBlock(
      w / "transformer_blocks.0", width: channels, context: context, heads: heads)
    projOut = try Projection(w / "proj_out", channels: channels, isLinear: isLinear)
  }

  /// - Parameters:
  ///   - x: activations, `[B, H, W, C]`
  ///   - context: text states, `[B, T, Dc]`
  /// - Returns: `[B, H, W, C]`
  package func callAsFunction(_ x: Tensor, context: Tensor) -> Tensor {
    let (B, H, W, C) = x.shape4
    let h = block(projIn(norm(x)).reshaped([B, H * W, C]), context: context)
    return x + projOut(h.reshaped([B, H, W, C]))
  }
}
