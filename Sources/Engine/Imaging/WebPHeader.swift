import CCodecs

/// Walks the RIFF chunks of a WebP (RFC 9649).
enum WebPHeader {
  static func matches(_ bytes: [UInt8]) -> Bool {
    bytes.has("RIFF", at: 0) && bytes.has("WEBP", at: 8)
  }

  static func read(_ bytes: [UInt8], _ limits: ImageLimits) throws(ImagingError) -> ImageHeader {
    guard let declared = bytes.littleEndian(4, 4), declared + 8 <= bytes.count else {
      throw .truncated("its RIFF header declares more bytes than there are")
    }
    var header = ImageHeader(width: 0, height: 0)
    var (offset, frames) = (12, 0)
    while offset < declared + 8 {
      guard let length = bytes.littleEndian(offset + 4, 4),
        length <= declared - offset
      else { throw .truncated("a WebP chunk is cut") }
      let payload = offset + 8..<offset + 8 + length
      if bytes.has("ANMF", at: offset) { frames += 1 }
      if bytes.has("ICCP", at: offset) { header.icc = payload }
      if bytes.has("EXIF", at: offset) {
        // Some writers put JPEG's prefix before the TIFF structure.
        let prefix = bytes.has("Exif\0\0", at: payload.lowerBound) ? 6 : 0
        header.exif = payload.lowerBound + prefix..<payload.upperBound
      }
      offset = payload.upperBound + length % 2
    }
    if frames > 0 { throw .animated(frames: frames) }
    var (width, height, hasAlpha) = (UInt32(0), UInt32(0), Int32(0))
    guard codec_webp_header(bytes, bytes.count, &width, &height, &hasAlpha) == 1 else {
      throw .undecodable("no WebP picture header")
    }
    header.width = Int(width)
    header.height = Int(height)
    header.workingBytes = hasAlpha == 0 ? 3 : 4
    try header.check(limits)
    return header
  }
}
