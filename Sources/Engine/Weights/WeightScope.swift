package import Tensors

/// A path into a model's weights: `root / "down_blocks" / 0 / "resnets"`.
///
/// Layers take a scope, name their children with `/` and ask for tensors by name and shape.
package struct WeightScope {
  package let ledger: WeightLedger
  package let path: String

  package static func / (scope: WeightScope, child: String) -> WeightScope {
    WeightScope(ledger: scope.ledger, path: scope.key(child))
  }

  package static func / (scope: WeightScope, index: Int) -> WeightScope { scope / "\(index)" }

  /// The tensor at this path.
  /// - Throws: `.missing`, or `.shapeMismatch` with both shapes
  package func tensor(
    _ name: String, shape: [Int], initial: Initializer
  ) throws(WeightError) -> Tensor {
    try ledger.tensor(key(name), shape: shape, initial: initial)
  }

  /// The adapter of the layer at this path, if the plan has one for it.
  /// - Parameter weight: the layer's own, `[out, in]` or `[out, in, kh, kw]`
  package func adapter(for weight: Tensor) -> LowRankAdapter? {
    ledger.adapters?.adapter(at: path, weight: weight)
  }

  /// Every tensor asked for so far at or below this path.
  package var parameters: ParameterList {
    ParameterList(ledger.parameters.filter { path.isEmpty || $0.key.hasPrefix(path + ".") })
  }

  private func key(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
