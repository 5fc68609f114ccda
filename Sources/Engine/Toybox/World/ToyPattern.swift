/// How a second colour lies on a toy. Coordinates are those of the figure (see `ToyFigure`), so a
/// pattern moves, turns and shrinks with its toy, as on a real object.
package enum ToyPattern: Equatable, Sendable {
  case plain
  /// Bands of the given width across the body.
  case stripes(width: Float)
  /// Dots on a staggered grid.
  case spots(spacing: Float)
  /// Everything left of the line is of the second colour.
  case patch(edge: Float)

  /// Whether the point `(x, y)` of the figure shows the second colour.
  package func isMarked(x: Float, y: Float) -> Bool {
    switch self {
    case .plain: return false
    case .stripes(let width):
      return ((x + 0.25 * y) / width).rounded(.down).truncatingRemainder(dividingBy: 2) == 0
    case .spots(let spacing):
      let row = (y / spacing).rounded(.down)
      let shift = row.truncatingRemainder(dividingBy: 2) == 0 ? 0 : 0.5 * spacing
      let u = (x + shift) / spacing
      let dx = u - u.rounded(.down) - 0.5
      let dy = y / spacing - row - 0.5
      return dx * dx + dy * dy < 0.1
    case .patch(let edge):
      return x < edge
    }
  }
}

/// What a toy is painted with.
package struct ToyCoat: Equatable, Sendable {
  package var base: ToyColor
  package var mark: ToyColor
  package var pattern: ToyPattern
  package var accessory: ToyAccessory?

  package init(
    _ base: ToyColor, mark: ToyColor = ToyPalette.white, pattern: ToyPattern = .plain,
    accessory: ToyAccessory? = nil
  ) {
    (self.base, self.mark, self.pattern, self.accessory) = (base, mark, pattern, accessory)
  }

  func color(x: Float, y: Float) -> ToyColor { pattern.isMarked(x: x, y: y) ? mark : base }
}

/// Something a toy wears on top; its own colour is the third one of a subject.
package enum ToyAccessory: Equatable, Sendable {
  case hat(ToyColor)
  case bow(ToyColor)
}
