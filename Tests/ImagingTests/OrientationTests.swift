import Imaging
import TestSupport
import Testing

@Suite struct OrientationTests {
  private static let columns = 6
  private static let rows = 4

  /// Colour of a block of the upright picture: different everywhere.
  private static func color(_ x: Int, _ y: Int) -> JPEGFile.Color {
    (Double(40 + 30 * x), Double(30 + 50 * y), Double(20 + 9 * (x + 5 * y)))
  }

  /// The picture as a camera stores it that was held as `orientation` says.
  private static func stored(_ orientation: Int, _ exif: Bool = true) -> [UInt8] {
    let (w, h) = orientation >= 5 ? (rows, columns) : (columns, rows)
    return JPEGFile.encode(
      columns: w, rows: h, segments: exif ? [PhotoMetadata.app1(orientation: orientation)] : []
    ) { x, y in
      switch orientation {
      case 2: color(columns - 1 - x, y)
      case 3: color(columns - 1 - x, rows - 1 - y)
      case 4: color(x, rows - 1 - y)
      case 5: color(y, x)
      case 6: color(columns - 1 - y, x)
      case 7: color(columns - 1 - y, rows - 1 - x)
      case 8: color(y, rows - 1 - x)
      default: color(x, y)
      }
    }
  }

  @Test(arguments: 1...8) func `P15 all eight orientations give identical pixels`(
    _ orientation: Int
  ) throws {
    let upright = try ImageDecoder.decode(Self.stored(1, false))
    let decoded = try ImageDecoder.decode(Self.stored(orientation))
    #expect(decoded.orientation.rawValue == orientation)
    #expect(decoded.picture == upright.picture)
  }

  @Test func `P15 the tag is found in PNG and WebP, in either byte order`() throws {
    for isLittleEndian in [true, false] {
      let exif = PhotoMetadata.exif(orientation: 6, isLittleEndian: isLittleEndian)
      let png = PNGFile.file(
        width: 2, height: 1, rows: [[1, 2, 3, 4, 5, 6]], chunks: [("eXIf", exif)])
      let picture = try ImageDecoder.decode(png).picture
      #expect(picture.width == 1 && picture.height == 2 && picture.pixels == [1, 2, 3, 4, 5, 6])
    }
    let webp = try ImageDecoder.decode(SamplePhotos.turnedWebP)
    #expect(webp.orientation == .rightTop)
    // The stored lower left quarter is blue and comes to the upper left.
    #expect(webp.picture.width == 16 && webp.picture[2, 2] == RGB(0, 0, 255))
  }

  @Test func `a damaged EXIF block counts as none`() throws {
    let sound = PhotoMetadata.exif(orientation: 6)
    for length in 0..<sound.count {
      let png = PNGFile.file(
        width: 2, height: 1, rows: [[1, 2, 3, 4, 5, 6]],
        chunks: [("eXIf", Array(sound.prefix(length)))])
      let orientation = try ImageDecoder.decode(png).orientation
      // The tag's value ends at byte 32.
      #expect(orientation == (length < 32 ? .topLeft : .rightTop), "\(length) bytes")
    }
    for (offset, value) in [(18 + 8 * 2, UInt8(9)), (4, 255), (8, 255)] {
      var damaged = sound
      damaged[offset] = value
      let png = PNGFile.file(
        width: 1, height: 1, rows: [[1, 2, 3]], chunks: [("eXIf", damaged)])
      #expect(try ImageDecoder.decode(png).picture.pixels == [1, 2, 3])
    }
  }
}
