import Synchronization

/// One recorded op: how a gradient of its result becomes gradients of its operands.
///
/// A node holds edges, not operands: an activation that no backward formula needs is freed as soon as the
/// forward pass has moved on.
final class Node {
  /// Position in the order of execution; backward visits nodes in the reverse order.
  let order: UInt64
  private(set) var edges: [Edge]
  private var backward: Backward?
  /// Gradient of the op's result, summed over its uses.
  var gradient: Tensor?

  /// Adds to the edges, and releases them in the pass.
  typealias Backward = (_ dy: Tensor, _ edges: [Edge], BackwardPass) -> Void

  init(edges: [Edge], backward: @escaping Backward) {
    order = Node.next()
    self.edges = edges
    self.backward = backward
  }

  /// Passes the gradient on and frees what the op kept for this moment.
  func run(in pass: BackwardPass) {
    defer { (edges, backward, gradient) = ([], nil, nil) }
    if let gradient, let backward {
      backward(gradient, edges, pass)
    } else {
      pass.release(edges)
    }
  }

  private static let counter = Atomic<UInt64>(0)

  private static func next() -> UInt64 {
    counter.wrappingAdd(1, ordering: .relaxed).newValue
  }
}

/// Where the gradient of one operand goes: to the op that made it, to a trainable leaf, or nowhere.
enum Edge {
  case none
  case node(Node)
  case leaf(Tensor)

  init(_ tensor: Tensor) {
    if let node = tensor.node {
      self = .node(node)
    } else {
      self = tensor.isTrainable ? .leaf(tensor) : .none
    }
  }

  var isWanted: Bool { if case .none = self { false } else { true } }

  /// Adds `gradient`, made by `compute` only where it is wanted.
  func add(_ compute: () -> Tensor) {
    if isWanted { add(compute()) }
  }

  func add(_ gradient: Tensor) {
    switch self {
    case .none: break
    case .node(let node): Edge.add(gradient, to: &node.gradient, mayKeep: true)
    case .leaf(let leaf):
      precondition(gradient.shape == leaf.shape, "gradient \(gradient.shape) of \(leaf.shape)")
      Edge.add(gradient, to: &leaf.gradient, mayKeep: false)
    }
  }

  /// The running sum itself, zero if nothing came before, for kernels that add in place.
  func accumulator(_ shape: Shape) -> Tensor {
    switch self {
    case .none: Tensor.zeros(shape)
    case .node(let node): Edge.own(&node.gradient, shape)
    case .leaf(let leaf): Edge.own(&leaf.gradient, shape)
    }
  }

  /// The running sum for kernels that can also write over it: it holds nothing yet if `isEmpty`.
  func sum(_ shape: Shape) -> (tensor: Tensor, isEmpty: Bool) {
    switch self {
    case .none: (Tensor(uninitialized: shape), true)
    case .node(let node): Edge.sum(&node.gradient, shape)
    case .leaf(let leaf): Edge.sum(&leaf.gradient, shape)
    }
  }

  private static func sum(_ sum: inout Tensor?, _ shape: Shape) -> (tensor: Tensor, isEmpty: Bool) {
    if sum != nil { return (own(&sum, shape), false) }
    let empty = Tensor(uninitialized: shape)
    sum = empty
    return (empty, true)
  }

  /// A gradient may be shared (`a + b` hands the same one to both), so it is written to only where this is
  /// its single reference. A leaf never keeps a tensor that others hold: its gradient outlives the pass.
  private static func add(_ gradient: Tensor, to sum: inout Tensor?, mayKeep: Bool) {
    if sum == nil {
      sum = mayKeep ? gradient : gradient.copy()
      return
    }
    let target = own(&sum, gradient.shape)
    kernels.accumulate(
      gradient.floats, scale: 1, into: target.mutableFloats, count: gradient.count)
  }

  private static func own(_ sum: inout Tensor?, _ shape: Shape) -> Tensor {
    let isAlone = isKnownUniquelyReferenced(&sum) && sum?.ownsMemoryAlone == true
    let target = isAlone ? sum : sum?.copy()
    let result = target ?? Tensor.zeros(shape)
    precondition(result.count == shape.count, "gradient \(shape) added to \(result.shape)")
    sum = result
    return result
  }
}

extension Tensor {
  /// Records how this new tensor was computed from `operands`, if any of them wants a gradient.
  ///
  /// `backward` gets the gradient of this tensor and one edge per operand; it must capture only what its
  /// formula needs.
  func recorded(
    from operands: [Tensor], backward: @escaping (_ dy: Tensor, _ edges: [Edge]) -> Void
  ) -> Tensor {
    guard Mode.isRecording else {
      Mode.leaves?.note(operands)
      return self
    }
    let edges = operands.map(Edge.init)
    if edges.contains(where: \.isWanted) {
      node = Node(edges: edges) { dy, edges, pass in
        backward(dy, edges)
        pass.release(edges)
      }
    }
    return self
  }
}
