extension Tensor {
  /// Computes the gradient of this one-element tensor with respect to every trainable leaf it depends on.
  ///
  /// Gradients **accumulate into leaves** (`gradient`, until the caller sets it to `nil`) and are
  /// **assigned to activations**. The recorded history is freed on the way.
  /// - Parameter finished: called for each leaf once the pass has added its last share to the leaf's gradient and
  ///   will not read the leaf again: the leaf may then be changed, its gradient taken away
  package func backward(finished: @escaping (_ leaf: Tensor) -> Void = { _ in }) {
    precondition(count == 1, "backward from shape \(shape); reduce to one element first")
    guard let node else { return }
    self.node = nil
    node.gradient = Tensor.full(shape, 1)
    BackwardPass(finished: finished).run(from: node)
  }
}

/// One backward pass: visits ops in the reverse order of execution, and counts for each leaf the ops that have yet to
/// add to its gradient.
///
/// A recomputed body counts as one user of every leaf that it met going forward, until it runs again and its ops
/// take that place.
final class BackwardPass {
  private var users: [ObjectIdentifier: Int] = [:]
  private let finished: (Tensor) -> Void

  init(finished: @escaping (Tensor) -> Void) { self.finished = finished }

  /// - Parameters:
  ///   - last: has its gradient
  ///   - replaced: edges of the op whose body these ops are
  func run(from last: Node, replacing replaced: [Edge] = []) {
    let nodes = Self.reverseOrder(from: last)
    for node in nodes {
      for case .leaf(let leaf) in node.edges { users[ObjectIdentifier(leaf), default: 0] += 1 }
    }
    release(replaced)
    for node in nodes { node.run(in: self) }
  }

  /// An op has added to these for the last time.
  func release(_ edges: [Edge]) {
    for case .leaf(let leaf) in edges {
      let id = ObjectIdentifier(leaf)
      let left = (users[id] ?? 0) - 1
      users[id] = left
      if left == 0, leaf.gradient != nil { finished(leaf) }
    }
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
