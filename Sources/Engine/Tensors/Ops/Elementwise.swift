// Elementwise ops. Formula and gradient stand beside each other; broadcasting is explicit.

// MARK: - y = f(x), dx = f'(x) dy

private func unary(_ f: UnaryFunction, _ x: Tensor) -> Tensor {
  let y = Tensor(uninitialized: x.shape)
  kernels.unary(f, x.floats, y.mutableFloats, count: x.count)
  return y.recorded(from: [x]) { dy, edges in
    let dx = Tensor(uninitialized: x.shape)
    kernels.unaryBackward(f, x.floats, dy.floats, dx.mutableFloats, count: x.count)
    edges[0].add(dx)
  }
}

/// x sigmoid(x)
package func silu(_ x: Tensor) -> Tensor { unary(.silu, x) }
/// x Phi(x), with the exact error function
package func gelu(_ x: Tensor) -> Tensor { unary(.gelu, x) }
/// x sigmoid(1.702 x), as CLIP was trained
package func quickGelu(_ x: Tensor) -> Tensor { unary(.quickGelu, x) }
package func sigmoid(_ x: Tensor) -> Tensor { unary(.sigmoid, x) }
package func tanh(_ x: Tensor) -> Tensor { unary(.tanh, x) }
package func exp(_ x: Tensor) -> Tensor { unary(.exp, x) }
package func log(_ x: Tensor) -> Tensor { unary(.log, x) }
package func sqrt(_ x: Tensor) -> Tensor { unary(.sqrt, x) }
package func square(_ x: Tensor) -> Tensor { unary(.square, x) }
package func abs(_ x: Tensor) -> Tensor { unary(.abs, x) }
package func relu(_ x: Tensor) -> Tensor { unary(.relu, x) }

/// y = h gelu(gate) for x = [h, gate] side by side (GEGLU, Shazeer, 2002.05202).
///
/// - Parameter x: `[..., 2 D]`
/// - Returns: `[..., D]`
package func geglu(_ x: Tensor) -> Tensor {
  precondition(x.shape[-1] % 2 == 0, "geglu: input \(x.shape)")
  let width = x.shape[-1] / 2
  let y = Tensor(uninitialized: x.shape.replacing(-1, with: width))
  let rows = y.count / max(1, width)
  kernels.geglu(x.operand, y.mutableFloats, rows: rows, width: width)
  let kept = x.roundedToKeep()
  return y.recorded(from: [x]) { dy, edges in
    let dx = Tensor(uninitialized: kept.shape)
    kernels.gegluBackward(kept.operand, dy.floats, dx.mutableFloats, rows: rows, width: width)
    edges[0].add(dx)
  }.remade {
    let y = Tensor(uninitialized: kept.shape.replacing(-1, with: width))
    kernels.geglu(kept.operand, y.mutableFloats, rows: rows, width: width)
    return y
  }
}

/// min(max(x, min), max); the gradient passes where x lies inside.
package func clamp(_ x: Tensor, min lower: Float, max upper: Float) -> Tensor {
  let y = Tensor(uninitialized: x.shape)
  for i in 0..<x.count { y.mutableFloats[i] = Swift.min(Swift.max(x.floats[i], lower), upper) }
  return y.recorded(from: [x]) { dy, edges in
    let dx = Tensor.zeros(x.shape)
    for i in 0..<x.count where x.floats[i] >= lower && x.floats[i] <= upper {
      dx.mutableFloats[i] = dy.floats[i]
    }
    edges[0].add(dx)
  }
}

// MARK: - y = scale x + shift, dx = scale dy

private func affine(_ x: Tensor, scale: Float, shift: Float = 0) -> Tensor {
  let y = Tensor(uninitialized: x.shape)
  kernels.affine(x.floats, y.mutableFloats, scale: scale, shift: shift, count: x.count)
  return y.recorded(from: [x]) { dy, edges in
    edges[0].add(scale == 1 ? dy : affine(dy.detached(), scale: scale))
  }
}

package func * (x: Tensor, scale: Float) -> Tensor { affine(x, scale: scale) }
package func * (scale: Float, x: Tensor) -> Tensor { affine(x, scale: scale) }
package func / (x: Tensor, divisor: Float) -> Tensor { affine(x, scale: 1 / divisor) }
package func + (x: Tensor, shift: Float) -> Tensor { affine(x, scale: 1, shift: shift) }
package func + (shift: Float, x: Tensor) -> Tensor { affine(x, scale: 1, shift: shift) }
package func - (x: Tensor, shift: Float) -> Tensor { affine(x, scale: 1, shift: -shift) }
package func - (shift: Float, x: Tensor) -> Tensor { affine(x, scale: -1, shift: shift) }
package prefix func - (x: Tensor) -> Tensor { affine(x, scale: -1) }

// MARK: - y = a (op) b

/// How `b` meets `a`: as `[outer, 1, inner]` against `[outer, middle, inner]`.
///
/// Extents of 1 in `b` must form one run of axes, and never axis 0: a batch is not broadcast by accident
/// (that silent mistake is P22 of the regression list).
private struct Broadcast {
  let outer: Int
  let middle: Int
  let inner: Int

  init(_ op: BinaryOperation, _ a: Shape, _ b: Shape) {
    func refuse() -> Never {
      preconditionFailure("\(op): shape \(b) does not meet \(a); equal, or 1 in one run of axes")
    }
    guard a.rank == b.rank else { refuse() }
    let repeated = a.dims.indices.filter { a[$0] != b[$0] }
    guard let first = repeated.first, let last = repeated.last else {
      (outer, middle, inner) = (1, 1, a.count)
      return
    }
    guard first > 0, (first...last).allSatisfy({ b[$0] == 1 }) else { refuse() }
    outer = a.dims[..<first].reduce(1, *)
    middle = a.dims[first...last].reduce(1, *)
    inner = a.dims[(last + 1)...].reduce(1, *)
  }

  func apply(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor) -> Tensor {
    let y = Tensor(uninitialized: a.shape)
    if middle == 1 {
      kernels.binary(op, a.floats, b.floats, y.mutableFloats, count: a.count)
    } else {
      kernels.broadcast(
        op, a.floats, b.floats, y.mutableFloats, outer: outer, middle: middle, inner: inner)
    }
    return y
  }

  /// Sums a gradient of `a`'s shape down to the shape of `b`.
  func reduce(_ gradient: Tensor, to shape: Shape) -> Tensor {
    if middle == 1 { return gradient }
    let sum = Tensor(uninitialized: shape)
    kernels.sumMiddle(
      gradient.floats, sum.mutableFloats, outer: outer, middle: middle, inner: inner)
    return sum
  }
}

package func + (a: Tensor, b: Tensor) -> Tensor {
  let broadcast = Broadcast(.add, a.shape, b.shape)
  let shape = b.shape
  return broadcast.apply(.add, a, b).recorded(from: [a, b]) { dy, edges in
    edges[0].add(dy)
    edges[1].add { broadcast.reduce(dy, to: shape) }
  }
}

package func - (a: Tensor, b: Tensor) -> Tensor {
  let broadcast = Broadcast(.subtract, a.shape, b.shape)
  let shape = b.shape
  return broadcast.apply(.subtract, a, b).recorded(from: [a, b]) { dy, edges in
    edges[0].add(dy)
    edges[1].add { affine(broadcast.reduce(dy, to: shape).detached(), scale: -1) }
  }
}

/// da = dy b, db = dy a
package func * (a: Tensor, b: Tensor) -> Tensor {
  let broadcast = Broadcast(.multiply, a.shape, b.shape)
  return broadcast.apply(.multiply, a, b).recorded(from: [a, b]) { dy, edges in
    edges[0].add { broadcast.apply(.multiply, dy, b) }
    edges[1].add {
      let product = Tensor(uninitialized: a.shape)
      kernels.binary(.multiply, dy.floats, a.floats, product.mutableFloats, count: a.count)
      return broadcast.reduce(product, to: b.shape)
    }
  }
}

/// da = dy / b, db = -dy a / b^2
package func / (a: Tensor, b: Tensor) -> Tensor {
  let broadcast = Broadcast(.divide, a.shape, b.shape)
  return broadcast.apply(.divide, a, b).recorded(from: [a, b]) { dy, edges in
    let da = broadcast.apply(.divide, dy, b)
    edges[0].add(da)
    edges[1].add {
      let product = Tensor(uninitialized: a.shape)
      kernels.binary(.multiply, da.floats, a.floats, product.mutableFloats, count: a.count)
      let sum = broadcast.reduce(broadcast.apply(.divide, product, b), to: b.shape)
      return affine(sum.detached(), scale: -1)
    }
  }
}

extension Tensor {
  /// y = x s for a one-element tensor s: ds = sum(dy x)
  package func scaled(by s: Tensor) -> Tensor {
    precondition(s.count == 1, "scaled(by:) takes one element, not shape \(s.shape)")
    let x = self
    let y = Tensor(uninitialized: shape)
    kernels.affine(floats, y.mutableFloats, scale: s.item, shift: 0, count: count)
    return y.recorded(from: [x, s]) { dy, edges in
      edges[0].add { affine(dy.detached(), scale: s.item) }
      edges[1].add { Tensor.full(s.shape, zip(dy.values, x.values).reduce(0) { $0 + $1.0 * $1.1 }) }
    }
  }
}
