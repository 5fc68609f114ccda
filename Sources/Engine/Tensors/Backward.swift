extension Tensor {
  /// Computes the gradient of this one-element tensor with respect to every trainable leaf it depends on.
  ///
  /// Gradients **accumulate into leaves** (`gradient`, until the caller sets it to `nil`) and are
  /// **assigned to activations**. The recorded history is freed on the way.
  package func backward() {
    precondition(count == 1, "backward from shape \(shape); reduce to one element first")
    backward(from: Tensor.full(shape, 1))
  }

  func backward(from gradient: Tensor) {
    guard let node else { return }
    node.gradient = gradient
    for node in Tensor.reverseOrder(from: node) { node.run() }
    self.node = nil
  }

  /// Every node that `last` depends on, latest first.
  private static func reverseOrder(from last: Node) -> [Node] {
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(last)]
    var pending = [last]
    var nodes: [Node] = []
    while let node = pending.popLast() {
      nodes.append(node)
      for case .node(let earlier) in node.edges
      where seen.insert(ObjectIdentifier(earlier)).inserted {
        pending.append(earlier)
      }
    }
    return nodes.sorted { $0.order > $1.order }
  }
}
