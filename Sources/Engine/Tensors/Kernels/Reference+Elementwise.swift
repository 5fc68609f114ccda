internal import Foundation

extension ReferenceKernels {
  package func unary(_ f: UnaryFunction, _ x: Floats, _ y: MutableFloats, count: Int) {
    for i in 0..<count { y[i] = Float(f.value(Double(x[i]))) }
  }

  package func unaryBackward(
    _ f: UnaryFunction, _ x: Floats, _ dy: Floats, _ dx: MutableFloats, count: Int
  ) {
    for i in 0..<count { dx[i] = Float(Double(dy[i]) * f.derivative(Double(x[i]))) }
  }

  package func binary(
    _ op: BinaryOperation, _ a: Floats, _ b: Floats, _ y: MutableFloats, count: Int
  ) {
    for i in 0..<count { y[i] = op.apply(a[i], b[i]) }
  }

  package func broadcast(
    _ op: BinaryOperation, _ a: Floats, _ b: Floats, _ y: MutableFloats, outer: Int, middle: Int,
    inner: Int
  ) {
    for o in 0..<outer {
      for m in 0..<middle {
        for i in 0..<inner {
          let at = (o * middle + m) * inner + i
          y[at] = op.apply(a[at], b[o * inner + i])
        }
      }
    }
  }

  package func geglu(_ x: Operand, _ y: MutableFloats, rows: Int, width: Int) {
    for r in 0..<rows {
      for i in 0..<width {
        let (h, gate) = (Double(x[r * 2 * width + i]), Double(x[(r * 2 + 1) * width + i]))
        y[r * width + i] = Float(h * UnaryFunction.gelu.value(gate))
      }
    }
  }

  package func gegluBackward(
    _ x: Operand, _ dy: Floats, _ dx: MutableFloats, rows: Int, width: Int
  ) {
    for r in 0..<rows {
      for i in 0..<width {
        let (h, gate) = (Double(x[r * 2 * width + i]), Double(x[(r * 2 + 1) * width + i]))
        let d = Double(dy[r * width + i])
        dx[r * 2 * width + i] = Float(d * UnaryFunction.gelu.value(gate))
        dx[(r * 2 + 1) * width + i] = Float(d * h * UnaryFunction.gelu.derivative(gate))
      }
    }
  }

  package func affine(
    _ x: Floats, _ y: MutableFloats, scale: Float, shift: Float, count: Int
  ) {
    for i in 0..<count { y[i] = Float(Double(scale) * Double(x[i]) + Double(shift)) }
  }

  package func accumulate(_ x: Floats, scale: Float, into y: MutableFloats, count: Int) {
    for i in 0..<count { y[i] = Float(Double(y[i]) + Double(scale) * Double(x[i])) }
  }
}

extension UnaryFunction {
  func value(_ x: Double) -> Double {
    switch self {
    case .silu: x * logistic(x)
    case .gelu: x * normalDistribution(x)
    case .quickGelu: x * logistic(1.702 * x)
    case .sigmoid: logistic(x)
    case .tanh: Foundation.tanh(x)
    case .exp: Foundation.exp(x)
    case .log: Foundation.log(x)
    case .sqrt: x.squareRoot()
    case .square: x * x
    case .abs: Swift.abs(x)
    case .reciprocal: 1 / x
    case .negate: -x
    case .relu: x < 0 ? 0 : x
    }
  }

  func derivative(_ x: Double) -> Double {
    switch self {
    case .silu: logistic(x) + x * logistic(x) * (1 - logistic(x))
    case .gelu:
      normalDistribution(x) + x * Foundation.exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    case .quickGelu:
      logistic(1.702 * x) + 1.702 * x * logistic(1.702 * x) * (1 - logistic(1.702 * x))
    case .sigmoid: logistic(x) * (1 - logistic(x))
    case .tanh: 1 - Foundation.tanh(x) * Foundation.tanh(x)
    case .exp: Foundation.exp(x)
    case .log: 1 / x
    case .sqrt: 0.5 / x.squareRoot()
    case .square: 2 * x
    case .abs: x > 0 ? 1 : (x < 0 ? -1 : x)
    case .reciprocal: -1 / (x * x)
    case .negate: -1
    case .relu: x > 0 ? 1 : 0
    }
  }

  private func logistic(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }
  private func normalDistribution(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
}

extension BinaryOperation {
  func apply(_ a: Float, _ b: Float) -> Float {
    switch self {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    }
  }
}
