import Glibc

/// softmax(x)_i = exp(x_i) / sum_j exp(x_j), over the last axis; dx = y (dy - sum(dy y)).
package func softmax(_ x: Tensor) -> Tensor {
  let width = x.shape[-1]
  let rows = x.count / width
  let y = Tensor(uninitialized: x.shape)
  kernels.softmax(x.floats, y.mutableFloats, rows: rows, width: width)
  let kept = y.detached()
  return y.recorded(from: [x]) { dy, edges in
    let dx = Tensor(uninitialized: kept.shape)
    kernels.softmaxBackward(kept.floats, dy.floats, dx.mutableFloats, rows: rows, width: width)
    edges[0].add(dx)
  }
}

/// Mean over rows of -log softmax(logits)[target]; dlogits = (softmax - one-hot) / B.
/// - Parameters:
///   - logits: `[B, K]`
///   - targets: class of each row, `B` of them
/// - Returns: `[1]`
package func crossEntropy(_ logits: Tensor, targets: [Int]) -> Tensor {
  let (B, K) = logits.shape2
  precondition(
    targets.count == B && targets.allSatisfy { (0..<K).contains($0) },
    "crossEntropy: logits \(logits.shape), \(targets.count) targets")
  let probabilities = Tensor(uninitialized: logits.shape)
  kernels.softmax(logits.floats, probabilities.mutableFloats, rows: B, width: K)
  // log p through the row's largest logit: p itself may have underflowed.
  var total = 0.0
  logits.withFloats { x in
    for (row, target) in targets.enumerated() {
      let values = x[row * K..<(row + 1) * K]
      let largest = values.max() ?? 0
      let sum = values.reduce(0.0) { $0 + Double(expf($1 - largest)) }
      total -= Double(x[row * K + target] - largest) - Glibc.log(sum)
    }
  }
  let loss = Tensor([Float(total / Double(B))], shape: [1])
  return loss.recorded(from: [logits]) { dy, edges in
    let dx = probabilities.copy()
    let scale = dy.item / Float(B)
    for (row, target) in targets.enumerated() { dx.mutableFloats[row * K + target] -= 1 }
    kernels.affine(dx.floats, dx.mutableFloats, scale: scale, shift: 0, count: dx.count)
    edges[0].add(dx)
  }
}
