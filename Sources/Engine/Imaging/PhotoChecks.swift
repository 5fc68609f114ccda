/// Something about a photo that its owner should know. `code` is the intake code of the API.
package enum PhotoFinding: Equatable, Sendable, CustomStringConvertible {
  case tooSmall(side: Int, minimum: Int)
  case upscaled(side: Int, target: Int)
  case exifRotated(Orientation)
  case iccConverted
  case alphaFlattened
  case cropped(Square, width: Int, height: Int)
  case blurred(sharpness: Float)
  case blank(deviation: Float)

  package var code: String {
    switch self {
    case .tooSmall: "too_small"
    case .upscaled: "upscaled"
    case .exifRotated: "exif_rotated"
    case .iccConverted: "icc_converted"
    case .alphaFlattened: "alpha_flattened"
    case .cropped: "cropped"
    case .blurred: "blurred"
    case .blank: "blank"
    }
  }

  package var description: String {
    switch self {
    case .tooSmall(let side, let minimum):
      "the short side has \(side) pixels; at least \(minimum) are needed"
    case .upscaled(let side, let target):
      "the short side has \(side) pixels and is enlarged to \(target); a larger picture is better"
    case .exifRotated(let orientation):
      "turned upright (EXIF orientation \(orientation.rawValue))"
    case .iccConverted: "colours converted to sRGB from the embedded profile"
    case .alphaFlattened: "transparent parts were laid on white"
    case .cropped(let square, let width, let height):
      "only the centre square of \(square.side) pixels out of \(width) x \(height) is used"
    case .blurred(let sharpness):
      "looks blurred (sharpness \(Int(sharpness)), at least \(Int(PhotoChecks.minimumSharpness)) "
        + "is usual); a sharp picture is better"
    case .blank(let deviation):
      "nearly one colour (deviation \(Int(deviation)) of 255 levels); does it show the subject?"
    }
  }
}

/// Checks on one decoded photo.
package enum PhotoChecks {
  /// Well below sharp photographs (500 and more in the 158 of DreamBench), well above what
  /// a Gaussian blur of 0.8 % of the side leaves (at most 40).
  static let minimumSharpness: Float = 100
  /// Levels; the photographs of DreamBench have 19 and more.
  static let minimumDeviation: Float = 3
  /// No subject can be told on fewer pixels.
  static let minimumSide = 16

  /// - Parameter targetSide: side of the training pictures in pixels
  package static func findings(
    on photo: ImageDecoder.Decoded, targetSide: Int
  ) -> [PhotoFinding] {
    let picture = photo.picture
    let square = picture.centerSquare
    // Less than a quarter of the target's side holds less than a sixteenth of its detail.
    let minimum = max(minimumSide, targetSide / 4)
    if square.side < minimum { return [.tooSmall(side: square.side, minimum: minimum)] }

    var findings: [PhotoFinding] = []
    if square.side < targetSide {
      findings.append(.upscaled(side: square.side, target: targetSide))
    }
    if photo.orientation != .topLeft { findings.append(.exifRotated(photo.orientation)) }
    if photo.isConverted { findings.append(.iccConverted) }
    if photo.isFlattened { findings.append(.alphaFlattened) }
    if picture.width != picture.height {
      findings.append(.cropped(square, width: picture.width, height: picture.height))
    }
    let grey = GreySquare(picture, side: min(256, square.side))
    if grey.deviation < minimumDeviation {
      findings.append(.blank(deviation: grey.deviation))
    } else if grey.sharpness < minimumSharpness {
      findings.append(.blurred(sharpness: grey.sharpness))
    }
    return findings
  }

  /// The grey centre square in `side x side` levels, by which near-duplicates are told.
  package static func thumbnail(of picture: PixelBuffer, side: Int) -> [UInt8] {
    GreySquare(picture, side: side).levels.map { UInt8(max(0, min(255, $0.rounded()))) }
  }
}

/// The centre square of a picture as luma (BT.601), box-filtered to a fixed size.
struct GreySquare {
  let side: Int
  /// `[side, side]`, 0...255
  let levels: [Float]

  init(_ picture: PixelBuffer, side: Int) {
    let small = picture.cropped(to: picture.centerSquare)
      .resized(width: side, height: side, kernel: .box)
    self.side = side
    levels = (0..<side * side).map { i in
      let (red, green, blue) = (
        Float(small.pixels[3 * i]), Float(small.pixels[3 * i + 1]), Float(small.pixels[3 * i + 2])
      )
      return 0.299 * red + 0.587 * green + 0.114 * blue
    }
  }

  var deviation: Float { variance(levels).squareRoot() }

  /// Variance of the Laplacian in the sharpest of 4 x 4 tiles: a sharp subject before a soft background
  /// is sharp.
  var sharpness: Float {
    let tile = (side - 2) / 4
    guard tile > 0 else { return 0 }
    let tiles = (0..<16).map { index in
      let (top, left) = (1 + index / 4 * tile, 1 + index % 4 * tile)
      var laplacian: [Float] = []
      for y in top..<top + tile {
        for x in left..<left + tile {
          let i = y * side + x
          let neighbours = levels[i - 1] + levels[i + 1] + levels[i - side] + levels[i + side]
          laplacian.append(4 * levels[i] - neighbours)
        }
      }
      return variance(laplacian)
    }
    return tiles.max() ?? 0
  }

  private func variance(_ values: [Float]) -> Float {
    let mean = values.reduce(0, +) / Float(values.count)
    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)
  }
}
