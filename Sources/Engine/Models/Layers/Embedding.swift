package import Tensors
package import Weights

/// One row of a table for each id. Must match `torch.nn.Embedding`.
package struct Embedding {
  /// `[V, D]`
  package let weight: Tensor

  package init(_ w: WeightScope, count: Int, width: Int) throws(WeightError) {
    weight = try w.tensor("weight", shape: [count, width], initial: .normal(deviation: 0.02))
  }

  /// - Parameters:
  ///   - ids: row numbers, row-major
  ///   - leading: their shape
  /// - Returns: `leading + [D]`
  package func callAsFunction(_ ids: [Int], leading: [Int]) -> Tensor {
    embedding(weight, ids: ids, leading: leading)
  }
}
