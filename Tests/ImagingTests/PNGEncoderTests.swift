import Imaging
import TestSupport
import Testing

@Suite struct PNGEncoderTests {
  private static let picture = PixelBuffer(
    width: 5, height: 3, pixels: (0..<45).map { UInt8($0 * 5) })

  @Test func `what is written is read back, and equal pictures give equal bytes`() throws {
    let png = try PNGEncoder.encode(Self.picture)
    #expect(try ImageDecoder.decode(png).picture == Self.picture)
    #expect(try PNGEncoder.encode(Self.picture) == png)
    #expect(PNGFile.chunks(in: png).map(\.name) == ["IHDR", "IDAT", "IEND"])
  }

  @Test func `texts stand before the pixels, as tEXt where Latin-1 suffices`() throws {
    let png = try PNGEncoder.encode(
      Self.picture,
      texts: [
        .init("parameters", "café"), .init("dreambooth", "{}", isInternational: true),
        .init("title", "犬"),
      ])
    let texts = PNGFile.texts(in: png)
    #expect(texts.map(\.chunk) == ["tEXt", "iTXt", "iTXt"])
    #expect(texts.map(\.keyword) == ["parameters", "dreambooth", "title"])
    #expect(texts.map(\.value) == ["café", "{}", "犬"])
    #expect(try ImageDecoder.decode(png).picture == Self.picture)
  }

  @Test func `a keyword or text that PNG cannot hold is refused`() {
    for text in [
      PNGEncoder.Text("", "x"), .init(String(repeating: "k", count: 80), "x"), .init("Ä", "x"),
      .init("k", "a\0b"),
    ] {
      #expect(throws: ImagingError.self) { try PNGEncoder.encode(Self.picture, texts: [text]) }
    }
  }
}
