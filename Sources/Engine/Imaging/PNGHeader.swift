/// Walks the chunks of a PNG (W3C PNG, third edition).
enum PNGHeader {
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  static func read(_ bytes: [UInt8], _ limits: ImageLimits) throws(ImagingError) -> ImageHeader {
    var header: ImageHeader?
    var sawPixels = false
    var colourChunks: [String: [UInt8]] = [:]
    var (offset, chunks, previous) = (signature.count, 0, "")
    while true {
      guard let length = bytes.bigEndian(offset, 4), bytes.count - offset >= 8 else {
        throw .truncated("its last chunk (IEND) is missing")
      }
      let name = String(decoding: bytes[offset + 4..<offset + 8], as: UTF8.self)
      let payload = offset + 8
      if header == nil {
        guard name == "IHDR", length == 13 else { throw .undecodable("no PNG header (IHDR)") }
        let found = try size(bytes, payload)
        // A bomb is refused by its size, however the rest of it looks.
        try found.check(limits)
        header = found
      }
      guard length <= bytes.count - payload - 4 else {
        throw .truncated("chunk \(name) declares \(length) bytes")
      }
      switch name {
      case "eXIf": header?.exif = payload..<payload + length
      case "acTL": header?.frames = max(1, bytes.bigEndian(payload, 4) ?? 1)
      case "cICP", "iCCP", "sRGB", "gAMA", "cHRM":
        // The first counts; behind the pixels they mean nothing. A profile itself is libpng's to read.
        if !sawPixels, colourChunks[name] == nil {
          colourChunks[name] =
            name == "iCCP" ? [] : Array(bytes[payload..<payload + min(length, 32)])
        }
      case "IDAT": sawPixels = true
      case "IEND":
        header?.colour = try PNGColour.read(colourChunks)
        if let header { return header }
      default: break
      }
      if name != "IDAT" || previous != "IDAT" { chunks += 1 }
      guard chunks <= limits.chunks else {
        throw .undecodable("more than \(limits.chunks) PNG chunks")
      }
      previous = name
      offset = payload + length + 4
    }
  }

  private static func size(_ bytes: [UInt8], _ offset: Int) throws(ImagingError) -> ImageHeader {
    guard let width = bytes.bigEndian(offset, 4), let height = bytes.bigEndian(offset + 4, 4),
      let interlace = bytes.bigEndian(offset + 12, 1)
    else { throw .truncated("its header (IHDR) is cut") }
    return ImageHeader(width: width, height: height, workingBytes: interlace == 0 ? 3 : 4)
  }
}
