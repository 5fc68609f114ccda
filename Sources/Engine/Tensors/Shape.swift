/// Extents of an array, slowest axis first. Letters: docs/SHAPES.md.
package struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  package let dims: [Int]

  package init(_ dims: [Int]) { self.dims = dims }
  package init(arrayLiteral dims: Int...) { self.dims = dims }

  package var rank: Int { dims.count }
  package var count: Int { dims.reduce(1, *) }
  package var description: String { "\(dims)" }

  /// Negative indices count from the end.
  package subscript(axis: Int) -> Int { dims[axis < 0 ? axis + rank : axis] }

  /// Elements before, along and after `axis`: the array seen as `[outer, extent, inner]`.
  func around(_ axis: Int) -> (outer: Int, extent: Int, inner: Int) {
    let axis = axis < 0 ? axis + rank : axis
    precondition(dims.indices.contains(axis), "axis \(axis) of shape \(self)")
    return (dims[..<axis].reduce(1, *), dims[axis], dims[(axis + 1)...].reduce(1, *))
  }

  /// The same shape with another extent at `axis`.
  func replacing(_ axis: Int, with extent: Int) -> Shape {
    var dims = dims
    dims[axis < 0 ? axis + rank : axis] = extent
    return Shape(dims)
  }
}
