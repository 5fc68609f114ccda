/// Walks the markers of a JPEG (ITU T.81, annex B) up to the end of its first picture.
enum JPEGHeader {
  static let signature: [UInt8] = [0xFF, 0xD8, 0xFF]

  static func read(_ bytes: [UInt8], _ limits: ImageLimits) throws(ImagingError) -> ImageHeader {
    var header: ImageHeader?
    var (offset, scans) = (2, 0)
    var exif: Range<Int>?
    while let marker = nextMarker(bytes, &offset) {
      if marker == 0xD9 {
        guard var header, scans > 0 else { throw .undecodable("a JPEG without a picture") }
        header.exif = exif
        header.scans = scans
        return header
      }
      if marker == 0x01 || (0xD0...0xD8).contains(marker) { continue }
      guard let length = bytes.bigEndian(offset, 2), length <= bytes.count - offset else { break }
      guard length >= 2 else { throw .undecodable("a JPEG segment of \(length) bytes") }
      let payload = offset + 2..<offset + length
      switch marker {
      case 0xC4, 0xC8, 0xCC: break
      case 0xC0...0xCF:
        guard header == nil else { throw .undecodable("two frame headers in one JPEG") }
        guard let height = bytes.bigEndian(payload.lowerBound + 1, 2),
          let width = bytes.bigEndian(payload.lowerBound + 3, 2)
        else { throw .truncated("its frame header is cut") }
        let found = ImageHeader(width: width, height: height)
        try found.check(limits)
        header = found
      case 0xDA: scans += 1
      case 0xE1 where exif == nil && bytes.has("Exif\0\0", at: payload.lowerBound):
        exif = min(payload.lowerBound + 6, payload.upperBound)..<payload.upperBound
      default: break
      }
      offset = payload.upperBound
    }
    throw .truncated("its end marker (EOI) is missing")
  }

  /// The marker at or after `offset`, which then points behind it. Entropy-coded data hold only `FF 00`
  /// and restart markers, and both are passed over.
  private static func nextMarker(_ bytes: [UInt8], _ offset: inout Int) -> Int? {
    bytes.withUnsafeBufferPointer { bytes in
      while offset + 1 < bytes.count {
        let (first, second) = (bytes[offset], bytes[offset + 1])
        if first != 0xFF || second == 0xFF {
          offset += 1
        } else {
          offset += 2
          if second != 0, !(0xD0...0xD7).contains(second) { return Int(second) }
        }
      }
      return nil
    }
  }
}
