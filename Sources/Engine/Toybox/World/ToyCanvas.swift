/// A picture being painted: floating-point sRGB, 64 x 64 unless asked otherwise.
struct ToyCanvas {
  let side: Int
  private(set) var pixels: [ToyColor]

  /// - Parameter color: of a row, given its height in 0...1 from top to bottom
  init(side: Int, rows color: (Float) -> ToyColor) {
    self.side = side
    pixels = (0..<side).flatMap { row in
      Array(repeating: color((Float(row) + 0.5) / Float(side)), count: side)
    }
  }

  /// Paints a shape given in units of the picture, 0...1 from the top left corner.
  mutating func fill(_ shape: ToyShape, _ color: ToyColor, opacity: Float = 1) {
    let whole = ToyPlacement(origin: .zero, scale: 1, turn: 0, isMirrored: false)
    fill(shape, at: whole, opacity: opacity) { _, _ in color }
  }

  /// Paints a shape of a figure.
  ///
  /// - Parameters:
  ///   - color: of a point, from its place in the figure and its depth inside the shape in pixels
  mutating func fill(
    _ shape: ToyShape, at place: ToyPlacement, opacity: Float = 1,
    color: (ToyPoint, Float) -> ToyColor
  ) {
    let pixelsPerUnit = place.scale * Float(side)
    guard let box = place.box(of: shape.bounds, side: side) else { return }
    for row in box.rows {
      for column in box.columns {
        let spot = (ToyPoint(Float(column), Float(row)) + 0.5) / Float(side)
        let p = place.toFigure(spot)
        let depth = -shape.distance(to: p) * pixelsPerUnit
        let coverage = min(max(depth + 0.5, 0), 1) * opacity
        guard coverage > 0 else { continue }
        let index = row * side + column
        pixels[index] = pixels[index].mixed(with: color(p, depth), coverage)
      }
    }
  }
}

/// Where a figure stands in the picture: turn, mirror, scale, then move to `origin`.
package struct ToyPlacement: Equatable, Sendable {
  /// Centre of the figure, in units of the picture.
  package var origin: ToyPoint
  /// Size of one unit of the figure, in units of the picture.
  package var scale: Float
  /// Radians, clockwise.
  package var turn: Float
  package var isMirrored: Bool

  func toFigure(_ spot: ToyPoint) -> ToyPoint {
    let p = turned((spot - origin) / scale, by: -turn)
    return isMirrored ? ToyPoint(-p.x, p.y) : p
  }

  private func toPicture(_ p: ToyPoint) -> ToyPoint {
    turned(isMirrored ? ToyPoint(-p.x, p.y) : p, by: turn) * scale + origin
  }

  /// The pixels that the placed rectangle can touch; nil when it lies outside the picture.
  func box(
    of bounds: (low: ToyPoint, high: ToyPoint), side: Int
  ) -> (rows: Range<Int>, columns: Range<Int>)? {
    let corners = [
      bounds.low, bounds.high, ToyPoint(bounds.low.x, bounds.high.y),
      ToyPoint(bounds.high.x, bounds.low.y),
    ].map { toPicture($0) * Float(side) }
    func range(_ values: [Float]) -> Range<Int> {
      let low = max(0, Int(((values.min() ?? 0) - 1).rounded(.down)))
      return low..<max(low, min(side, Int(((values.max() ?? 0) + 1).rounded(.up)) + 1))
    }
    let (rows, columns) = (range(corners.map(\.y)), range(corners.map(\.x)))
    return rows.isEmpty || columns.isEmpty ? nil : (rows, columns)
  }
}
