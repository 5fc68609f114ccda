// Reductions, in a fixed order whatever the number of threads.

/// Sum of all elements, `[1]`.
package func sum(_ x: Tensor) -> Tensor {
  let y = Tensor([Float(kernels.sum(x.floats, count: x.count))], shape: [1])
  let shape = x.shape
  return y.recorded(from: [x]) { dy, edges in edges[0].add(Tensor.full(shape, dy.item)) }
}

/// Mean of all elements, `[1]`.
package func mean(_ x: Tensor) -> Tensor { sum(x) / Float(x.count) }

/// Sum along one axis, which disappears.
package func sum(_ x: Tensor, axis: Int) -> Tensor {
  let (outer, extent, inner) = x.shape.around(axis)
  var dims = x.shape.dims
  dims.remove(at: axis < 0 ? axis + x.shape.rank : axis)
  let y = Tensor(uninitialized: Shape(dims.isEmpty ? [1] : dims))
  kernels.sumMiddle(x.floats, y.mutableFloats, outer: outer, middle: extent, inner: inner)
  let shape = x.shape
  return y.recorded(from: [x]) { dy, edges in
    let dx = Tensor.zeros(shape)
    kernels.broadcast(
      .add, dx.floats, dy.floats, dx.mutableFloats, outer: outer, middle: extent, inner: inner)
    edges[0].add(dx)
  }
}

/// Mean along one axis, which disappears.
package func mean(_ x: Tensor, axis: Int) -> Tensor {
  sum(x, axis: axis) / Float(x.shape[axis])
}

/// Mean of (a - b)^2 over all elements, `[1]`.
package func meanSquaredError(_ a: Tensor, _ b: Tensor) -> Tensor { mean(square(a - b)) }

/// Mean of (a - b)^2 over all axes but the first, `[B]`.
package func meanSquaredErrorPerSample(_ a: Tensor, _ b: Tensor) -> Tensor {
  let B = a.shape[0]
  return mean(square(a - b).reshaped([B, a.count / B]), axis: 1)
}
