extension Tensor {
  /// The same elements in the same order under another shape; nothing moves.
  package func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == count, "reshape of \(self.shape) to \(shape)")
    let before = self.shape
    return Tensor(buffer: buffer, shape: shape, dtype: dtype).recorded(from: [self]) { dy, edges in
      edges[0].add(Tensor(buffer: dy.buffer, shape: before, dtype: .f32))
    }
  }

  /// `[B, C]` as `[B, 1, 1, C]`, to meet `[B, H, W, C]`.
  package var perChannel: Tensor {
    let (B, C) = shape2
    return reshaped([B, 1, 1, C])
  }

  /// Axes in another order: axis i of the result is axis `axes[i]` of this.
  package func transposed(axes: [Int]) -> Tensor {
    precondition(axes.sorted() == Array(0..<shape.rank), "axes \(axes) of shape \(shape)")
    func permuted(_ x: Tensor, _ axes: [Int]) -> Tensor {
      let y = Tensor(uninitialized: Shape(axes.map { x.shape[$0] }))
      kernels.permute(x.floats, shape: x.shape.dims, axes: axes, y.mutableFloats)
      return y
    }
    var inverse = axes
    for (i, axis) in axes.enumerated() { inverse[axis] = i }
    let target = Shape(axes.map { shape[$0] })
    return permuted(self, axes).recorded(from: [self]) { dy, edges in
      edges[0].add(permuted(dy.reshaped(target), inverse))
    }
  }

  /// Elements `range` along `axis`.
  package func slice(axis: Int, _ range: Range<Int>) -> Tensor {
    let (outer, extent, inner) = shape.around(axis)
    precondition(
      range.lowerBound >= 0 && range.upperBound <= extent,
      "slice \(range), axis \(axis) of \(shape)")
    let y = Tensor(uninitialized: shape.replacing(axis, with: range.count))
    let (whole, part) = (extent * inner, range.count * inner)
    let offset = range.lowerBound * inner
    kernels.copyRows(
      floats + offset, stride: whole, y.mutableFloats, stride: part, rows: outer, width: part)
    let shape = shape
    return y.recorded(from: [self]) { dy, edges in
      guard edges[0].isWanted else { return }
      // Read, add, write back: slices of one tensor may overlap.
      let dx = edges[0].accumulator(shape).mutableFloats + offset
      let sum = Tensor(uninitialized: dy.shape)
      kernels.copyRows(
        dx, stride: whole, sum.mutableFloats, stride: part, rows: outer, width: part)
      kernels.accumulate(dy.floats, scale: 1, into: sum.mutableFloats, count: dy.count)
      kernels.copyRows(
        sum.floats, stride: part, dx, stride: whole, rows: outer, width: part)
    }
  }

  /// Equal parts along `axis`, in order.
  package func split(axis: Int, parts: Int) -> [Tensor] {
    let extent = shape[axis]
    precondition(extent % parts == 0, "\(parts) parts of axis \(axis) of \(shape)")
    let size = extent / parts
    return (0..<parts).map { slice(axis: axis, $0 * size..<($0 + 1) * size) }
  }
}

/// Tensors one after the other along `axis`; all other extents agree.
package func concatenated(_ tensors: [Tensor], axis: Int) -> Tensor {
  precondition(!tensors.isEmpty, "concatenated: no tensors")
  let first = tensors[0].shape
  precondition(
    tensors.allSatisfy { $0.shape.replacing(axis, with: 1) == first.replacing(axis, with: 1) },
    "concatenated along \(axis): shapes \(tensors.map(\.shape))")
  let (outer, _, inner) = first.around(axis)
  let widths = tensors.map { $0.shape[axis] * inner }
  let offsets = widths.indices.map { widths[..<$0].reduce(0, +) }
  let total = widths.reduce(0, +)
  let y = Tensor(uninitialized: first.replacing(axis, with: total / inner))
  for (x, (width, offset)) in zip(tensors, zip(widths, offsets)) {
    kernels.copyRows(
      x.floats, stride: width, y.mutableFloats + offset, stride: total, rows: outer, width: width)
  }
  let shapes = tensors.map(\.shape)
  return y.recorded(from: tensors) { dy, edges in
    for (i, edge) in edges.enumerated() {
      edge.add {
        let dx = Tensor(uninitialized: shapes[i])
        kernels.copyRows(
          dy.floats + offsets[i], stride: total, dx.mutableFloats, stride: widths[i], rows: outer,
          width: widths[i])
        return dx
      }
    }
  }
}
