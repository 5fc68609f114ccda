/// A picture to draw on: filled rectangles, lines, other pictures, small text. What lies outside is cut off.
package struct Canvas {
  package private(set) var picture: PixelBuffer

  package init(width: Int, height: Int, fill: RGB = .white) {
    picture = PixelBuffer(width: width, height: height, fill: fill)
  }

  package mutating func fill(x: Int, y: Int, width: Int, height: Int, _ color: RGB) {
    for row in max(0, y)..<max(0, y, min(picture.height, y + height)) {
      for column in max(0, x)..<max(0, x, min(picture.width, x + width)) {
        picture[column, row] = color
      }
    }
  }

  /// A frame of one pixel, inside the rectangle.
  package mutating func frame(x: Int, y: Int, width: Int, height: Int, _ color: RGB) {
    fill(x: x, y: y, width: width, height: 1, color)
    fill(x: x, y: y + height - 1, width: width, height: 1, color)
    fill(x: x, y: y, width: 1, height: height, color)
    fill(x: x + width - 1, y: y, width: 1, height: height, color)
  }

  package mutating func blit(_ source: PixelBuffer, x: Int, y: Int) {
    for row in max(0, -y)..<max(0, -y, min(source.height, picture.height - y)) {
      for column in max(0, -x)..<max(0, -x, min(source.width, picture.width - x)) {
        picture[x + column, y + row] = source[column, row]
      }
    }
  }

  /// Straight lines from point to point (Bresenham), `thickness` pixels wide.
  package mutating func polyline(_ points: [(x: Int, y: Int)], _ color: RGB, thickness: Int = 1) {
    for (start, end) in zip(points, points.dropFirst()) {
      line(from: start, to: end, color, thickness: thickness)
    }
  }

  private mutating func line(
    from start: (x: Int, y: Int), to end: (x: Int, y: Int), _ color: RGB, thickness: Int
  ) {
    let (dx, dy) = (abs(end.x - start.x), -abs(end.y - start.y))
    let (stepX, stepY) = (end.x < start.x ? -1 : 1, end.y < start.y ? -1 : 1)
    var (x, y) = start
    var error = dx + dy
    while true {
      fill(
        x: x - thickness / 2, y: y - thickness / 2, width: thickness, height: thickness, color)
      if (x, y) == end { return }
      let twice = 2 * error
      if twice >= dy {
        error += dy
        x += stepX
      }
      if twice <= dx {
        error += dx
        y += stepY
      }
    }
  }

  /// Text with its top left corner at (x, y); LF starts a new line, characters outside ASCII are drawn as `?`.
  package mutating func text(
    _ string: String, x: Int, y: Int, _ color: RGB = .black, scale: Int = 1
  ) {
    for (row, line) in string.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      for (column, character) in line.enumerated() {
        draw(
          BitmapFont.glyph(character), x: x + column * BitmapFont.width * scale,
          y: y + row * BitmapFont.height * scale, color, scale: scale)
      }
    }
  }

  private mutating func draw(_ glyph: [UInt8], x: Int, y: Int, _ color: RGB, scale: Int) {
    for (row, bits) in glyph.enumerated() {
      for column in 0..<BitmapFont.width where bits & (0x80 >> column) != 0 {
        fill(x: x + column * scale, y: y + row * scale, width: scale, height: scale, color)
      }
    }
  }

  /// Size in pixels of a text at a scale.
  package static func size(of string: String, scale: Int = 1) -> (width: Int, height: Int) {
    let lines = string.split(separator: "\n", omittingEmptySubsequences: false)
    let columns = lines.map(\.count).max() ?? 0
    return (columns * BitmapFont.width * scale, lines.count * BitmapFont.height * scale)
  }
}
