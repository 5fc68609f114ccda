internal import CKernels

extension FastKernels {
  package func sumMiddle(_ x: Floats, _ y: MutableFloats, outer: Int, middle: Int, inner: Int) {
    ck_sum_middle(x, y, outer, middle, inner, 0)
  }

  package func sum(_ x: Floats, count: Int) -> Double {
    var result = 0.0
    ck_sum(x, count, &result)
    return result
  }

  package func sumOfSquares(_ x: Floats, count: Int) -> Double {
    var result = 0.0
    ck_sum_of_squares(x, count, &result)
    return result
  }

  package func allFinite(_ x: Floats, count: Int) -> Bool {
    var result: Int32 = 0
    ck_all_finite(x, count, &result)
    return result != 0
  }
}
