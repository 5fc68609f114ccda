internal import CKernels

extension FastKernels {
  package func unary(_ f: UnaryFunction, _ x: Floats, _ y: MutableFloats, count: Int) {
    ck_unary(f.code, x, y, count)
  }

  package func unaryBackward(
    _ f: UnaryFunction, _ x: Floats, _ dy: Floats, _ dx: MutableFloats, count: Int
  ) {
    ck_unary_backward(f.code, x, dy, dx, count)
  }

  package func binary(
    _ op: BinaryOperation, _ a: Floats, _ b: Floats, _ y: MutableFloats, count: Int
  ) {
    ck_binary(op.code, a, b, y, count)
  }

  package func broadcast(
    _ op: BinaryOperation, _ a: Floats, _ b: Floats, _ y: MutableFloats, outer: Int, middle: Int,
    inner: Int
  ) {
    ck_broadcast(op.code, a, b, y, outer, middle, inner)
  }

  package func geglu(_ x: Operand, _ y: MutableFloats, rows: Int, width: Int) {
    ck_geglu(x.f32, x.bf16, y, rows, width)
  }

  package func gegluBackward(
    _ x: Operand, _ dy: Floats, _ dx: MutableFloats, rows: Int, width: Int
  ) {
    ck_geglu_backward(x.f32, x.bf16, dy, dx, rows, width)
  }

  package func affine(
    _ x: Floats, _ y: MutableFloats, scale: Float, shift: Float, count: Int
  ) {
    ck_affine(x, y, scale, shift, count)
  }

  package func accumulate(_ x: Floats, scale: Float, into y: MutableFloats, count: Int) {
    ck_accumulate(x, scale, y, count)
  }
}

extension UnaryFunction {
  var code: Int32 {
    let function =
      switch self {
      case .silu: CK_SILU
      case .gelu: CK_GELU
      case .quickGelu: CK_QUICK_GELU
      case .sigmoid: CK_SIGMOID
      case .tanh: CK_TANH
      case .exp: CK_EXP
      case .log: CK_LOG
      case .sqrt: CK_SQRT
      case .square: CK_SQUARE
      case .abs: CK_ABS
      case .reciprocal: CK_RECIPROCAL
      case .negate: CK_NEGATE
      case .relu: CK_RELU
      }
    return Int32(function.rawValue)
  }
}

extension BinaryOperation {
  var code: Int32 {
    let operation =
      switch self {
      case .add: CK_ADD
      case .subtract: CK_SUBTRACT
      case .multiply: CK_MULTIPLY
      case .divide: CK_DIVIDE
      }
    return Int32(operation.rawValue)
  }
}
