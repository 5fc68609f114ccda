/// An operand that a backward formula needs: the tensor itself, or, where the op that made it costs little and keeps its
/// own operands anyway, the means to make it again.
///
/// Norms and gates stand before almost every layer of a U-Net; their results are as large as what they are made of.
struct Kept {
  private let source: () -> Tensor

  init(_ x: Tensor) { source = x.remake ?? { x } }

  /// The values; made anew at each call, if at all.
  var tensor: Tensor { source() }
}

extension Tensor {
  /// For the result of an op of few passes over memory: those who need it for their gradients need not hold it.
  func remade(by again: @escaping () -> Tensor) -> Tensor {
    if node != nil { remake = { withoutGradients(again) } }
    return self
  }
}

extension Tensor {
  /// What a backward formula keeps of an operand that no other one keeps: these values, in bf16 where products are.
  func roundedToKeep() -> Tensor {
    let isWanted = Mode.isRecording && (node != nil || isTrainable)
    return isWanted && Mode.precision == .bf16 ? cast(to: .bf16) : self
  }
}
