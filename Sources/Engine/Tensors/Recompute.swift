/// Activation checkpointing (Chen et al., 1604.06174): `body` runs now without history and runs again, with
/// history, when its gradient is asked for. Memory between the two is that of `inputs` and the result.
///
/// `body` must be a function of its arguments and of weights alone; trainable leaves that it uses get their
/// gradients as usual.
package func recompute(
  _ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor
) -> Tensor {
  guard Mode.isRecording else { return body(inputs) }
  let y = withoutGradients { body(inputs) }.detached()
  let precision = Mode.precision
  let edges = inputs.map(Edge.init)
  // Recorded even where no input wants a gradient: the weights inside `body` may.
  y.node = Node(edges: edges) { dy, edges in
    let leaves = zip(inputs, edges).map { input, edge in
      let leaf = input.detached()
      leaf.isTrainable = edge.isWanted
      return leaf
    }
    withGradients {
      withPrecision(precision) { body(leaves).backward(from: dy) }
    }
    for (leaf, edge) in zip(leaves, edges) {
      if let gradient = leaf.gradient { edge.add(gradient) }
    }
  }
  return y
}
