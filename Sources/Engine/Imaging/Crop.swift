/// A square of a picture, in its pixels.
package struct Square: Equatable, Sendable {
  package var x: Int
  package var y: Int
  package var side: Int

  package init(x: Int, y: Int, side: Int) {
    self.x = x
    self.y = y
    self.side = side
  }
}

extension PixelBuffer {
  /// The largest square in the middle.
  package var centerSquare: Square {
    let side = min(width, height)
    return Square(x: (width - side) / 2, y: (height - side) / 2, side: side)
  }

  package func cropped(x: Int, y: Int, width newWidth: Int, height newHeight: Int) -> PixelBuffer {
    precondition(
      x >= 0 && y >= 0 && x + newWidth <= width && y + newHeight <= height,
      "cropped: [\(newHeight), \(newWidth)] at (\(x), \(y)) of [\(height), \(width), 3]")
    var part: [UInt8] = []
    part.reserveCapacity(newWidth * newHeight * 3)
    for row in y..<y + newHeight {
      let start = (row * width + x) * 3
      part += pixels[start..<start + newWidth * 3]
    }
    return PixelBuffer(width: newWidth, height: newHeight, pixels: part)
  }

  package func cropped(to square: Square) -> PixelBuffer {
    cropped(x: square.x, y: square.y, width: square.side, height: square.side)
  }

  /// What a trainer sees: the centre square, resampled to `side`; never squashed.
  package func trainingSquare(side: Int) -> PixelBuffer {
    cropped(to: centerSquare).resized(width: side, height: side)
  }
}
