/// How a camera was held: EXIF tag 0x0112. The raw value says where row 0 and column 0 of the stored
/// picture belong (EXIF 3.0, table 4).
package enum Orientation: Int, Sendable, CaseIterable {
  case topLeft = 1
  case topRight, bottomRight, bottomLeft, leftTop, rightTop, rightBottom, leftBottom

  /// Reads the tag from an EXIF block: a TIFF structure, of which only the first directory is looked at.
  /// Anything out of order counts as no orientation.
  init?(exif: [UInt8]) {
    let isLittle: Bool
    if exif.has("II", at: 0) {
      isLittle = true
    } else if exif.has("MM", at: 0) {
      isLittle = false
    } else {
      return nil
    }
    func read(_ offset: Int, _ count: Int) -> Int? {
      isLittle ? exif.littleEndian(offset, count) : exif.bigEndian(offset, count)
    }
    guard read(2, 2) == 42, let directory = read(4, 4), directory >= 8,
      let entries = read(directory, 2)
    else { return nil }
    for entry in 0..<entries {
      let offset = directory + 2 + 12 * entry
      guard let tag = read(offset, 2) else { return nil }
      guard tag == 0x0112 else { continue }
      guard read(offset + 2, 2) == 3, read(offset + 4, 4) == 1, let value = read(offset + 8, 2),
        let orientation = Orientation(rawValue: value)
      else { return nil }
      self = orientation
      return
    }
    return nil
  }

  /// Whether width and height change places.
  package var isTransposed: Bool { rawValue >= 5 }
}

extension PixelBuffer {
  /// The picture as it was seen through the camera.
  package func upright(from orientation: Orientation) -> PixelBuffer {
    let (w, h) = (width, height)
    // Source pixel of (x, y): origin + x * right + y * down, counted in pixels of the stored picture.
    let (origin, right, down) =
      switch orientation {
      case .topLeft: (0, 1, w)
      case .topRight: (w - 1, -1, w)
      case .bottomRight: (w * h - 1, -1, -w)
      case .bottomLeft: (w * (h - 1), 1, -w)
      case .leftTop: (0, w, 1)
      case .rightTop: (w * (h - 1), -w, 1)
      case .rightBottom: (w * h - 1, -w, -1)
      case .leftBottom: (w - 1, w, -1)
      }
    if orientation == .topLeft { return self }
    let (newWidth, newHeight) = orientation.isTransposed ? (h, w) : (w, h)
    let turned = [UInt8](unsafeUninitializedCapacity: w * h * 3) { out, count in
      pixels.withUnsafeBufferPointer { source in
        var i = 0
        for y in 0..<newHeight {
          for x in 0..<newWidth {
            let from = 3 * (origin + x * right + y * down)
            out[i] = source[from]
            out[i + 1] = source[from + 1]
            out[i + 2] = source[from + 2]
            i += 3
          }
        }
      }
      count = w * h * 3
    }
    return PixelBuffer(width: newWidth, height: newHeight, pixels: turned)
  }

  /// Left and right exchanged.
  package var mirrored: PixelBuffer { upright(from: .topRight) }
}
