// Matrix products. Operands are rounded to bf16 where `withPrecision(.bf16)` is in force.

/// y = x W^T + b, on the last axis.
///
/// dx = dy W, dW = dy^T x, db = sum of dy over rows.
/// - Parameters:
///   - x: `[..., in]`
///   - weight: `[out, in]`, f32 or (frozen) bf16
///   - bias: `[out]`
/// - Returns: `[..., out]`
package func linear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil) -> Tensor {
  let (out, width) = weight.shape2
  precondition(x.shape[-1] == width, "linear: input \(x.shape), weight \(weight.shape)")
  precondition(bias.map { $0.count == out } ?? true, "linear: bias does not have \(out) elements")
  let rows = x.count / width
  let precision = Mode.precision
  let y = Tensor(uninitialized: x.shape.replacing(-1, with: out))
  kernels.matmul(
    x.operand, transposeA: false, weight.operand, transposeB: true, bias: bias?.floats,
    y.mutableFloats, m: rows, n: out, k: width, batch: 1, accumulate: false, precision: precision)
  // The weight gradient alone needs the input; a frozen layer keeps nothing but its weight.
  let kept = weight.isTrainable || weight.node != nil ? Kept(x) : nil
  let shape = x.shape
  return y.recorded(from: [x, weight] + (bias.map { [$0] } ?? [])) { dy, edges in
    edges[0].add {
      let dx = Tensor(uninitialized: shape)
      kernels.matmul(
        dy.operand, transposeA: false, weight.operand, transposeB: false, bias: nil,
        dx.mutableFloats, m: rows, n: width, k: out, batch: 1, accumulate: false,
        precision: precision)
      return dx
    }
    if edges[1].isWanted, let x = kept?.tensor {
      let dWeight = edges[1].sum(weight.shape)
      kernels.matmul(
        dy.operand, transposeA: true, x.operand, transposeB: false, bias: nil,
        dWeight.tensor.mutableFloats, m: out, n: width, k: rows, batch: 1,
        accumulate: !dWeight.isEmpty, precision: precision)
    }
    if edges.count > 2 {
      edges[2].add {
        let db = Tensor(uninitialized: [out])
        kernels.sumMiddle(dy.floats, db.mutableFloats, outer: 1, middle: rows, inner: out)
        return db
      }
    }
  }
}

/// C = A' B', where a transposed operand is read as its transpose; `[m, k] [k, n]`, or with one leading
/// batch axis on both.
///
/// For C = A B: dA = dC B^T, dB = A^T dC.
package func matmul(
  _ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false
) -> Tensor {
  precondition(
    a.shape.rank == b.shape.rank && (2...3).contains(a.shape.rank)
      && (a.shape.rank == 2 || a.shape[0] == b.shape[0]),
    "matmul: shapes \(a.shape) and \(b.shape)")
  let batch = a.shape.rank == 3 ? a.shape[0] : 1
  let (m, k) = transposeA ? (a.shape[-1], a.shape[-2]) : (a.shape[-2], a.shape[-1])
  let (bk, n) = transposeB ? (b.shape[-1], b.shape[-2]) : (b.shape[-2], b.shape[-1])
  precondition(k == bk, "matmul: inner extents of \(a.shape) and \(b.shape) differ")
  let precision = Mode.precision

  func product(
    _ a: Tensor, _ transposeA: Bool, _ b: Tensor, _ transposeB: Bool, m: Int, n: Int, k: Int,
    shape: Shape
  ) -> Tensor {
    let c = Tensor(uninitialized: shape)
    kernels.matmul(
      a.operand, transposeA: transposeA, b.operand, transposeB: transposeB, bias: nil,
      c.mutableFloats, m: m, n: n, k: k, batch: batch, accumulate: false, precision: precision)
    return c
  }

  let shape: Shape = a.shape.rank == 3 ? [batch, m, n] : [m, n]
  let c = product(a, transposeA, b, transposeB, m: m, n: n, k: k, shape: shape)
  return c.recorded(from: [a, b]) { dc, edges in
    edges[0].add {
      transposeA
        ? product(b, transposeB, dc, true, m: k, n: m, k: n, shape: a.shape)
        : product(dc, false, b, !transposeB, m: m, n: k, k: n, shape: a.shape)
    }
    edges[1].add {
      transposeB
        ? product(dc, true, a, transposeA, m: n, n: k, k: m, shape: b.shape)
        : product(a, !transposeA, dc, false, m: k, n: n, k: m, shape: b.shape)
    }
  }
}
