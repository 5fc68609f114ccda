extension ReferenceKernels {
  package func sumMiddle(_ x: Floats, _ y: MutableFloats, outer: Int, middle: Int, inner: Int) {
    for o in 0..<outer {
      for i in 0..<inner {
        var sum = 0.0
        for m in 0..<middle { sum += Double(x[(o * middle + m) * inner + i]) }
        y[o * inner + i] = Float(sum)
      }
    }
  }

  package func sum(_ x: Floats, count: Int) -> Double {
    (0..<count).reduce(0.0) { $0 + Double(x[$1]) }
  }

  package func sumOfSquares(_ x: Floats, count: Int) -> Double {
    (0..<count).reduce(0.0) { $0 + Double(x[$1]) * Double(x[$1]) }
  }

  package func allFinite(_ x: Floats, count: Int) -> Bool {
    (0..<count).allSatisfy { x[$0].isFinite }
  }
}
