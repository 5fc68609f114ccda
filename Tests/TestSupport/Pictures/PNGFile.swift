/// PNG files chunk by chunk, well-formed or not: no library stands between a test and the bytes.
package struct PNGFile {
  package static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  package var bytes = signature

  package init() {}

  package mutating func chunk(_ name: String, _ payload: [UInt8] = []) {
    let named = Array(name.utf8) + payload
    bytes += big(UInt32(payload.count)) + named + big(crc(named))
  }

  /// - Parameter color: PNG colour type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA
  package mutating func header(
    width: Int, height: Int, depth: UInt8 = 8, color: UInt8 = 2, interlace: UInt8 = 0
  ) {
    chunk(
      "IHDR", big(UInt32(width)) + big(UInt32(height)) + [depth, color, 0, 0, interlace])
  }

  /// Rows of samples, each given the filter "none", as one chunk of pixels.
  package mutating func pixels(_ rows: [[UInt8]]) {
    chunk("IDAT", stored(rows.flatMap { [0] + $0 }))
  }

  /// A whole file.
  package static func file(
    width: Int, height: Int, depth: UInt8 = 8, color: UInt8 = 2, rows: [[UInt8]],
    chunks: [(String, [UInt8])] = []
  ) -> [UInt8] {
    var file = PNGFile()
    file.header(width: width, height: height, depth: depth, color: color)
    for (name, payload) in chunks { file.chunk(name, payload) }
    file.pixels(rows)
    file.chunk("IEND")
    return file.bytes
  }

  /// The text chunks before the pixels: name of the chunk, keyword, value.
  package static func texts(in png: [UInt8]) -> [(chunk: String, keyword: String, value: String)] {
    var texts: [(String, String, String)] = []
    for (name, payload) in chunks(in: png) {
      if name == "IDAT" { break }
      guard name == "tEXt" || name == "iTXt", let end = payload.firstIndex(of: 0) else { continue }
      let keyword = String(decoding: payload[..<end], as: UTF8.self)
      if name == "tEXt" {
        let scalars = payload[(end + 1)...].map { Character(UnicodeScalar($0)) }
        texts.append((name, keyword, String(scalars)))
      } else {
        // Compression flag and method, then language and translated keyword, both empty here.
        texts.append((name, keyword, String(decoding: payload[(end + 5)...], as: UTF8.self)))
      }
    }
    return texts
  }

  package static func chunks(in png: [UInt8]) -> [(name: String, payload: [UInt8])] {
    var chunks: [(String, [UInt8])] = []
    var offset = 8
    while offset + 12 <= png.count {
      let length = png[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
      let name = String(decoding: png[offset + 4..<offset + 8], as: UTF8.self)
      chunks.append((name, Array(png[offset + 8..<offset + 8 + length])))
      offset += 12 + length
    }
    return chunks
  }

  /// A zlib stream of stored blocks.
  package static func stored(_ data: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01]
    var offset = 0
    repeat {
      let end = min(data.count, offset + 65535)
      let length = UInt16(end - offset)
      stream.append(end == data.count ? 1 : 0)
      stream += [UInt8(length & 255), UInt8(length >> 8)]
      stream += [UInt8(~length & 255), UInt8(~length >> 8)]
      stream += data[offset..<end]
      offset = end
    } while offset < data.count
    var (a, b) = (UInt32(1), UInt32(0))
    for byte in data {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return stream + big(b << 16 | a)
  }

  private func stored(_ data: [UInt8]) -> [UInt8] { Self.stored(data) }
}

/// Four bytes, most significant first.
package func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }

private func crc(_ bytes: [UInt8]) -> UInt32 {
  ~bytes.reduce(UInt32.max) { crc, byte in
    (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in
      value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1
    }
  }
}
