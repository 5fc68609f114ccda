// Normalization. No default eps: each use spells its own (docs/NUMERICS.md).

/// y = (x - mean) / sqrt(variance + eps) weight + bias, mean and variance over positions and the channels of
/// one group (Wu & He, 1803.08494).
///
/// - Parameters:
///   - x: `[B, ..., C]`
///   - weight: `[C]`
///   - bias: `[C]`
///   - thenSilu: silu(y) instead of y, in the same passes over memory; y itself is never kept
package func groupNorm(
  _ x: Tensor, weight: Tensor, bias: Tensor, groups: Int, eps: Float, thenSilu: Bool = false
) -> Tensor {
  let (B, C) = (x.shape[0], x.shape[-1])
  precondition(
    weight.count == C && bias.count == C && C % groups == 0,
    "groupNorm: input \(x.shape), weight \(weight.shape), \(groups) groups")
  let geometry = GroupNormGeometry(
    B: B, P: x.count / max(1, B * C), C: C, groups: groups, eps: eps, silu: thenSilu)
  let y = Tensor(uninitialized: x.shape)
  let mean = Tensor(uninitialized: [B, groups])
  let rstd = Tensor(uninitialized: [B, groups])
  kernels.groupNorm(
    x.floats, weight: weight.floats, bias: bias.floats, y.mutableFloats, mean: mean.mutableFloats,
    rstd: rstd.mutableFloats, geometry)
  return y.recorded(from: [x, weight, bias]) { dy, edges in
    let dx = edges[0].isWanted ? Tensor(uninitialized: x.shape) : nil
    let dWeight = edges[1].isWanted ? edges[1].accumulator(weight.shape) : nil
    let dBias = edges[2].isWanted ? edges[2].accumulator([C]) : nil
    kernels.groupNormBackward(
      x.floats, weight: weight.floats, bias: bias.floats, mean: mean.floats, rstd: rstd.floats,
      dy.floats, dx?.mutableFloats, dWeight: dWeight?.mutableFloats, dBias: dBias?.mutableFloats,
      geometry)
    if let dx { edges[0].add(dx) }
  }.remade {
    groupNorm(x, weight: weight, bias: bias, groups: groups, eps: eps, thenSilu: thenSilu)
  }
}

/// The same over the last axis (Ba et al., 1607.06450).
///
/// - Parameters:
///   - x: `[..., D]`
///   - weight: `[D]`
///   - bias: `[D]`
package func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, eps: Float) -> Tensor {
  let width = x.shape[-1]
  precondition(
    weight.count == width && bias.count == width,
    "layerNorm: input \(x.shape), weight \(weight.shape)")
  let rows = x.count / width
  let y = Tensor(uninitialized: x.shape)
  let mean = Tensor(uninitialized: [rows])
  let rstd = Tensor(uninitialized: [rows])
  kernels.layerNorm(
    x.floats, weight: weight.floats, bias: bias.floats, y.mutableFloats, mean: mean.mutableFloats,
    rstd: rstd.mutableFloats, rows: rows, width: width, eps: eps)
  return y.recorded(from: [x, weight, bias]) { dy, edges in
    let dx = edges[0].isWanted ? Tensor(uninitialized: x.shape) : nil
    let dWeight = edges[1].isWanted ? edges[1].accumulator(weight.shape) : nil
    let dBias = edges[2].isWanted ? edges[2].accumulator([width]) : nil
    kernels.layerNormBackward(
      x.floats, weight: weight.floats, mean: mean.floats, rstd: rstd.floats, dy.floats,
      dx?.mutableFloats, dWeight: dWeight?.mutableFloats, dBias: dBias?.mutableFloats, rows: rows,
      width: width)
    if let dx { edges[0].add(dx) }
  }.remade { layerNorm(x, weight: weight, bias: bias, eps: eps) }
}

/// x / |x|, over the last axis.
package func l2Normalize(_ x: Tensor) -> Tensor {
  let norm = sqrt(sum(square(x), axis: -1))
  return x / norm.reshaped(x.shape.replacing(-1, with: 1))
}
