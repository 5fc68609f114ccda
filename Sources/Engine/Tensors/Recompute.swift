/// Activation checkpointing (Chen et al., 1604.06174): `body` runs now without history and runs again, with
/// history, when its gradient is asked for. Memory between the two is that of `inputs` and the result.
///
/// `body` must be a function of its arguments and of weights alone; trainable leaves that it uses get their
/// gradients as usual.
package func recompute(
  _ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor
) -> Tensor {
  guard Mode.isRecording else { return body(inputs) }
  let leaves = LeafList()
  let y = Mode.$leaves.withValue(leaves) { withoutGradients { body(inputs) } }.detached()
  let edges = inputs.map(Edge.init)
  let precision = Mode.precision
  guard edges.contains(where: \.isWanted) || !leaves.tensors.isEmpty else { return y }
  y.node = Node(edges: edges + leaves.tensors.map(Edge.leaf)) { dy, edges, pass in
    let twins = zip(inputs, edges).map { input, edge in
      let twin = input.detached()
      // What reaches a twin goes on to where the input came from.
      if edge.isWanted {
        twin.node = Node(edges: []) { gradient, _, _ in edge.add(gradient) }
      }
      return twin
    }
    let again = withGradients { withPrecision(precision) { body(twins) } }
    guard let last = again.node else { return pass.release(edges) }
    last.gradient = dy
    pass.run(from: last, replacing: Array(edges.dropFirst(inputs.count)))
    pass.release(Array(edges.prefix(inputs.count)))
  }
  return y
}

/// The trainable leaves that ops without history have met. Like its tensors it stays on one thread.
final class LeafList: @unchecked Sendable {
  private(set) var tensors: [Tensor] = []
  private var seen: Set<ObjectIdentifier> = []

  func note(_ operands: [Tensor]) {
    for tensor in operands where tensor.node == nil && tensor.isTrainable {
      if seen.insert(ObjectIdentifier(tensor)).inserted { tensors.append(tensor) }
    }
  }
}
