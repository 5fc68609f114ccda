internal import CKernels

extension FastKernels {
  package func gatherRows(_ table: Operand, ids: [Int], _ y: MutableFloats, width: Int) {
    ck_gather_rows(table.f32, table.bf16, ids, ids.count, y, width)
  }

  package func scatterAddRows(_ dy: Floats, ids: [Int], _ dTable: MutableFloats, width: Int) {
    ck_scatter_add_rows(dy, ids, ids.count, dTable, width)
  }

  package func permute(_ x: Floats, shape: [Int], axes: [Int], _ y: MutableFloats) {
    precondition(
      shape.count <= 6 && axes.sorted() == Array(shape.indices),
      "permute: axes \(axes) do not reorder shape \(shape) of rank <= 6")
    var permutation = ck_permutation()
    permutation.rank = Int32(shape.count)
    withUnsafeMutableBytes(of: &permutation.shape) { $0.copyBytes(from: bytes(of: shape)) }
    withUnsafeMutableBytes(of: &permutation.axes) {
      $0.copyBytes(from: bytes(of: axes.map { Int32($0) }))
    }
    ck_permute(x, permutation, y)
  }

  private func bytes<T: BitwiseCopyable>(of values: [T]) -> [UInt8] {
    values.withUnsafeBytes { Array($0) }
  }

  package func copyRows(
    _ x: Floats, stride xStride: Int, _ y: MutableFloats, stride yStride: Int, rows: Int,
    width: Int
  ) {
    ck_copy_rows(x, xStride, y, yStride, rows, width)
  }

  package func upsample2x(_ x: Floats, _ y: MutableFloats, B: Int, H: Int, W: Int, C: Int) {
    ck_upsample2x(x, y, B, H, W, C)
  }

  package func upsample2xBackward(
    _ dy: Floats, _ dx: MutableFloats, B: Int, H: Int, W: Int, C: Int
  ) {
    ck_upsample2x_backward(dy, dx, B, H, W, C)
  }

  package func toBF16(_ x: Floats, _ y: UnsafeMutablePointer<UInt16>, count: Int) {
    ck_to_bf16(x, y, count)
  }

  package func fromBF16(_ x: UnsafePointer<UInt16>, _ y: MutableFloats, count: Int) {
    ck_from_bf16(x, y, count)
  }

  package func fromF16(_ x: UnsafePointer<UInt16>, _ y: MutableFloats, count: Int) {
    ck_from_f16(x, y, count)
  }
}
