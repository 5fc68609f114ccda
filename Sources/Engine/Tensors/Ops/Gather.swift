/// Rows of a table: y[i] = table[ids[i]]; dTable[ids[i]] += dy[i].
/// - Parameters:
///   - table: `[V, D]`, f32 or (frozen) bf16
///   - ids: as many as `leading` has elements, each below V
///   - leading: extents of the result before D
/// - Returns: `leading + [D]`
package func embedding(_ table: Tensor, ids: [Int], leading: [Int]) -> Tensor {
  let (V, D) = table.shape2
  precondition(
    ids.count == leading.reduce(1, *) && ids.allSatisfy { (0..<V).contains($0) },
    "embedding: \(ids.count) ids below \(V) expected for \(leading), table \(table.shape)")
  let y = Tensor(uninitialized: Shape(leading + [D]))
  kernels.gatherRows(table.operand, ids: ids, y.mutableFloats, width: D)
  let shape = table.shape
  return y.recorded(from: [table]) { dy, edges in
    guard edges[0].isWanted else { return }
    kernels.scatterAddRows(
      dy.floats, ids: ids, edges[0].accumulator(shape).mutableFloats, width: D)
  }
}

/// One row of each sample: y[b] = x[b, rows[b]].
/// - Parameters:
///   - x: `[B, T, D]`
///   - rows: B positions below T
/// - Returns: `[B, D]`
package func selectRows(_ x: Tensor, at rows: [Int]) -> Tensor {
  let (B, T, D) = x.shape3
  precondition(
    rows.count == B && rows.allSatisfy { (0..<T).contains($0) },
    "selectRows: \(rows) of \(x.shape)")
  return embedding(
    x.reshaped([B * T, D]), ids: rows.enumerated().map { $0 * T + $1 }, leading: [B])
}
