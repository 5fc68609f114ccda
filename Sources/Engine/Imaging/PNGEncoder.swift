import CCodecs

/// Writes PNG: 8-bit RGB, the texts before the pixels in their order, nothing else. Equal input gives
/// equal bytes.
package enum PNGEncoder {
  /// A text chunk: `tEXt` if all characters are Latin-1, else uncompressed `iTXt` in UTF-8.
  package struct Text: Equatable, Sendable {
    package var keyword: String
    package var value: String
    /// Written as `iTXt` whatever its characters.
    package var isInternational: Bool

    package init(_ keyword: String, _ value: String, isInternational: Bool = false) {
      self.keyword = keyword
      self.value = value
      self.isInternational = isInternational
    }
  }

  /// - Parameter compression: zlib level, 1 (fast) to 9 (small)
  package static func encode(
    _ picture: PixelBuffer, texts: [Text] = [], compression: Int = 6
  ) throws(ImagingError) -> [UInt8] {
    for text in texts {
      let keyword = text.keyword.unicodeScalars
      guard (1...79).contains(keyword.count), keyword.allSatisfy({ (0x20...0x7E) ~= $0.value })
      else {
        throw .encoding("text keyword \"\(text.keyword)\" is not 1 to 79 printable characters")
      }
      guard !text.value.utf8.contains(0) else {
        throw .encoding("the text of \"\(text.keyword)\" contains a zero character")
      }
    }
    var strings: [UnsafeMutablePointer<CChar>] = []
    defer { strings.forEach { $0.deallocate() } }
    func terminated(_ bytes: some Collection<UInt8>) -> UnsafeMutablePointer<CChar> {
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
      for (i, byte) in bytes.enumerated() { copy[i] = CChar(bitPattern: byte) }
      copy[bytes.count] = 0
      strings.append(copy)
      return copy
    }
    let chunks = texts.map { text in
      let latin = text.isInternational ? nil : latin1(text.value)
      return codec_text(
        keyword: terminated(text.keyword.utf8), text: terminated(latin ?? Array(text.value.utf8)),
        international: latin == nil ? 1 : 0)
    }
    var size = 0
    var message = [CChar](repeating: 0, count: 80)
    guard
      let bytes = codec_png_encode(
        picture.pixels, UInt32(picture.width), UInt32(picture.height), Int32(compression), chunks,
        Int32(chunks.count), &size, &message)
    else { throw .encoding(text(message)) }
    defer { codec_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: size))
  }

  /// The string as Latin-1, or `nil` if a character is outside it.
  private static func latin1(_ string: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    for scalar in string.unicodeScalars {
      guard let byte = UInt8(exactly: scalar.value) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
