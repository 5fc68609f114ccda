/// Rows and columns of zeros around a picture.
package struct Padding: Equatable, Sendable {
  package let top: Int
  package let left: Int
  package let bottom: Int
  package let right: Int

  package init(_ all: Int) { (top, left, bottom, right) = (all, all, all, all) }

  package init(top: Int, left: Int, bottom: Int, right: Int) {
    (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
  }
}

/// y[b, i, j, o] = bias[o] + sum over u, v, c of x[b, s i + u - top, s j + v - left, c] weight[o, c, u, v]
///
/// - Parameters:
///   - x: `[B, H, W, Cin]`
///   - weight: `[Cout, Cin, kh, kw]`, f32 or (frozen) bf16
///   - bias: `[Cout]`
/// - Returns: `[B, H', W', Cout]` with H' = (H + top + bottom - kh) / stride + 1
package func conv2d(
  _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Padding
) -> Tensor {
  let (B, H, W, cIn) = x.shape4
  let (cOut, weightIn, kh, kw) = weight.shape4
  precondition(cIn == weightIn, "conv2d: input \(x.shape), weight \(weight.shape)")
  precondition(bias.map { $0.count == cOut } ?? true, "conv2d: bias does not have \(cOut) elements")
  let geometry = ConvGeometry(
    B: B, H: H, W: W, cIn: cIn, cOut: cOut, kh: kh, kw: kw, stride: stride, top: padding.top,
    left: padding.left, bottom: padding.bottom, right: padding.right)
  let precision = Mode.precision
  let y = Tensor(uninitialized: [B, geometry.outH, geometry.outW, cOut])
  kernels.conv2d(
    x.floats, weight.operand, bias: bias?.floats, y.mutableFloats, geometry, precision: precision)
  let kept = weight.isTrainable || weight.node != nil ? Kept(x) : nil
  let shape = x.shape
  return y.recorded(from: [x, weight] + (bias.map { [$0] } ?? [])) { dy, edges in
    edges[0].add {
      let dx = Tensor(uninitialized: shape)
      kernels.conv2dBackwardInput(
        dy.floats, weight.operand, dx.mutableFloats, geometry, precision: precision)
      return dx
    }
    let bias = edges.count > 2 && edges[2].isWanted ? edges[2] : .none
    if edges[1].isWanted, let x = kept?.tensor {
      let dWeight = edges[1].sum(weight.shape)
      kernels.conv2dBackwardWeight(
        x.floats, dy.floats, dWeight.tensor.mutableFloats,
        bias.isWanted ? bias.accumulator([cOut]).mutableFloats : nil, geometry,
        accumulate: !dWeight.isEmpty, precision: precision)
    } else {
      bias.add {
        let db = Tensor(uninitialized: [cOut])
        kernels.sumMiddle(
          dy.floats, db.mutableFloats, outer: 1, middle: dy.count / cOut, inner: cOut)
        return db
      }
    }
  }
}
