/// What the head of a file says, read before any pixel and without the codec libraries.
struct ImageHeader {
  var width: Int
  var height: Int
  /// Bytes per pixel that the codec needs to work in.
  var workingBytes = 3
  var frames = 1
  var scans = 1
  /// Where the EXIF block (a TIFF structure) lies in the file.
  var exif: Range<Int>?
  /// Where the ICC profile lies in the file, if it lies there in one uncompressed piece.
  var icc: Range<Int>?
  /// The colour space that a PNG states by numbers, if it is not sRGB.
  var colour: PNGColour?

  func check(_ limits: ImageLimits) throws(ImagingError) {
    guard width > 0, height > 0 else {
      throw .undecodable("its header declares \(width) x \(height) pixels")
    }
    guard width <= limits.side, height <= limits.side, width * height <= limits.pixels else {
      throw .tooLarge(
        "\(width) x \(height) pixels; at most \(limits.side) a side and "
          + "\(limits.pixels / 1_000_000) million in all")
    }
    guard frames == 1 else { throw .animated(frames: frames) }
    guard scans <= limits.scans else {
      throw .undecodable("\(scans) scans in one JPEG; at most \(limits.scans)")
    }
  }
}

/// What a picture may ask for before its pixels are decoded.
package struct ImageLimits: Equatable, Sendable {
  /// Pixels of the longer side.
  package var side = 8192
  /// Width x height.
  package var pixels = 40_000_000
  /// Bytes of the file.
  package var bytes = 64 << 20
  /// Scans of a progressive JPEG: each costs a pass over the whole picture.
  package var scans = 32
  /// Chunks of a PNG, all chunks of its pixels counted as one.
  package var chunks = 256

  package init() {}
}

extension [UInt8] {
  /// Unsigned integer of `count` bytes at `offset`, most significant first; `nil` beyond the end.
  func bigEndian(_ offset: Int, _ count: Int) -> Int? {
    guard offset >= 0, offset <= self.count - count else { return nil }
    return self[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
  }

  /// Unsigned integer of `count` bytes at `offset`, least significant first; `nil` beyond the end.
  func littleEndian(_ offset: Int, _ count: Int) -> Int? {
    guard offset >= 0, offset <= self.count - count else { return nil }
    return self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  func has(_ ascii: String, at offset: Int) -> Bool {
    offset >= 0 && offset <= count && self[offset...].starts(with: ascii.utf8)
  }
}
