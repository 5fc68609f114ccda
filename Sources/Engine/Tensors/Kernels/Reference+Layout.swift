extension ReferenceKernels {
  package func gatherRows(_ table: Operand, ids: [Int], _ y: MutableFloats, width: Int) {
    for (r, id) in ids.enumerated() {
      for i in 0..<width { y[r * width + i] = table[id * width + i] }
    }
  }

  package func scatterAddRows(_ dy: Floats, ids: [Int], _ dTable: MutableFloats, width: Int) {
    for (r, id) in ids.enumerated() {
      for i in 0..<width { dTable[id * width + i] += dy[r * width + i] }
    }
  }

  package func permute(_ x: Floats, shape: [Int], axes: [Int], _ y: MutableFloats) {
    let strides = shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
    for to in 0..<shape.reduce(1, *) {
      var (rest, from) = (to, 0)
      for axis in axes.reversed() {
        from += rest % shape[axis] * strides[axis]
        rest /= shape[axis]
      }
      y[to] = x[from]
    }
  }

  package func copyRows(
    _ x: Floats, stride xStride: Int, _ y: MutableFloats, stride yStride: Int, rows: Int,
    width: Int
  ) {
    for r in 0..<rows {
      for i in 0..<width { y[r * yStride + i] = x[r * xStride + i] }
    }
  }

  package func upsample2x(_ x: Floats, _ y: MutableFloats, B: Int, H: Int, W: Int, C: Int) {
    forEachUpsampled(B, H, W, C) { y[$1] = x[$0] }
  }

  package func upsample2xBackward(
    _ dy: Floats, _ dx: MutableFloats, B: Int, H: Int, W: Int, C: Int
  ) {
    for i in 0..<B * H * W * C { dx[i] = 0 }
    forEachUpsampled(B, H, W, C) { dx[$0] += dy[$1] }
  }

  /// Offsets of each small pixel's value and of each large one that shows it.
  private func forEachUpsampled(
    _ B: Int, _ H: Int, _ W: Int, _ C: Int, _ body: (_ small: Int, _ large: Int) -> Void
  ) {
    for large in 0..<B * 2 * H * 2 * W * C {
      let (c, pixel) = (large % C, large / C)
      let (column, row, b) = (
        pixel % (2 * W) / 2, pixel / (2 * W) % (2 * H) / 2, pixel / (4 * W * H)
      )
      body(((b * H + row) * W + column) * C + c, large)
    }
  }

  package func toBF16(_ x: Floats, _ y: UnsafeMutablePointer<UInt16>, count: Int) {
    for i in 0..<count { y[i] = bf16Bits(x[i]) }
  }

  package func fromF16(_ x: UnsafePointer<UInt16>, _ y: MutableFloats, count: Int) {
    for i in 0..<count { y[i] = Float(Float16(bitPattern: x[i])) }
  }

  package func fromBF16(_ x: UnsafePointer<UInt16>, _ y: MutableFloats, count: Int) {
    for i in 0..<count { y[i] = Float(bitPattern: UInt32(x[i]) << 16) }
  }
}
