/// One 8-bit sRGB colour.
package struct RGB: Equatable, Hashable, Sendable {
  package var red: UInt8
  package var green: UInt8
  package var blue: UInt8

  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  package static let black = RGB(0, 0, 0)
  package static let white = RGB(255, 255, 255)
}

/// A picture: 8-bit sRGB, rows from the top, red green blue interleaved, `[H, W, 3]`.
package struct PixelBuffer: Equatable, Sendable {
  package let width: Int
  package let height: Int
  package var pixels: [UInt8]

  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "PixelBuffer: \(pixels.count) bytes for [\(height), \(width), 3]")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  package init(width: Int, height: Int, fill: RGB = .white) {
    precondition(width > 0 && height > 0, "PixelBuffer: [\(height), \(width), 3] is empty")
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
      for i in 0..<width * height {
        buffer[3 * i] = fill.red
        buffer[3 * i + 1] = fill.green
        buffer[3 * i + 2] = fill.blue
      }
      count = width * height * 3
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// From the range that networks work in: -1 is black, 1 is white; values beyond are clamped, and NaN
  /// is black.
  /// - Parameter signed: values, `[H, W, 3]`
  package init(width: Int, height: Int, signed: [Float]) {
    precondition(
      signed.count == width * height * 3,
      "PixelBuffer: \(signed.count) values for [\(height), \(width), 3]")
    let pixels = signed.map { value in
      UInt8((max(0, min(1, value.isNaN ? 0 : value * 0.5 + 0.5)) * 255).rounded(.toNearestOrEven))
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// Values in -1...1, `[H, W, 3]`.
  package var signed: [Float] { pixels.map { Float($0) / 127.5 - 1 } }

  package subscript(x: Int, y: Int) -> RGB {
    get {
      let i = index(x, y)
      return RGB(pixels[i], pixels[i + 1], pixels[i + 2])
    }
    set {
      let i = index(x, y)
      pixels[i] = newValue.red
      pixels[i + 1] = newValue.green
      pixels[i + 2] = newValue.blue
    }
  }

  private func index(_ x: Int, _ y: Int) -> Int {
    precondition(
      x >= 0 && x < width && y >= 0 && y < height,
      "PixelBuffer: (\(x), \(y)) is outside [\(height), \(width), 3]")
    return (y * width + x) * 3
  }
}
