package import Tensors
package import Testing

/// How far a value may be from the expected one: |found - expected| <= relative |expected| + absolute.
package struct Tolerance: Sendable {
  package var relative: Float
  /// As a part of the largest expected value, since a sum of many terms errs with the terms, not with itself.
  package var ofLargest: Float
  package var absolute: Float

  package init(relative: Float, ofLargest: Float, absolute: Float = 0) {
    (self.relative, self.ofLargest, self.absolute) = (relative, ofLargest, absolute)
  }
}

/// Compares element by element; a difference is recorded with key, shapes, worst index, both values and
/// relative L2.
package func expectClose(
  _ found: Tensor?, _ expected: Tensor, _ key: String, _ tolerance: Tolerance,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard let found else {
    Issue.record("\(key): nothing was computed", sourceLocation: sourceLocation)
    return
  }
  guard found.shape == expected.shape else {
    Issue.record(
      "\(key): shape \(found.shape), expected \(expected.shape)", sourceLocation: sourceLocation)
    return
  }
  let (a, b) = (found.values, expected.values)
  let largest = b.reduce(0) { max($0, Swift.abs($1)) }
  let floor = tolerance.absolute + tolerance.ofLargest * largest
  var (worst, excess, failures) = (0, -Float.infinity, 0)
  for i in a.indices {
    // A difference that is not a number is larger than any bound.
    let difference = Swift.abs(a[i] - b[i])
    let over =
      (difference.isNaN ? .infinity : difference) - floor - tolerance.relative * Swift.abs(b[i])
    if over > 0 { failures += 1 }
    if over > excess { (worst, excess) = (i, over) }
  }
  guard failures > 0 else { return }
  let distance = zip(a, b).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
  let size = b.reduce(0.0) { $0 + Double($1 * $1) }
  let relativeL2 = (distance / max(size, .leastNormalMagnitude)).squareRoot()
  Issue.record(
    """
    \(key) \(expected.shape): \(failures) of \(b.count) values differ, worst at \(index(worst, expected.shape)): \
    \(a[worst]), expected \(b[worst]); largest \(largest), relative L2 \(relativeL2)
    """, sourceLocation: sourceLocation)
}

private func index(_ flat: Int, _ shape: Shape) -> [Int] {
  var rest = flat
  return shape.dims.reversed().map { size in
    defer { rest /= size }
    return rest % size
  }.reversed()
}
