import Imaging
import TestSupport
import Testing

@Suite struct ImageDecoderTests {
  /// Red, green, blue and white quarters of 24 x 16, each level within `tolerance`.
  private func expectQuarters(
    _ picture: PixelBuffer, tolerance: Int = 0, right: [RGB] = [RGB(0, 255, 0), .white],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(picture.width == 24 && picture.height == 16, sourceLocation: sourceLocation)
    let expected = [RGB(255, 0, 0), right[0], RGB(0, 0, 255), right[1]]
    for (i, color) in expected.enumerated() {
      let found = picture[i % 2 == 0 ? 4 : 20, i < 2 ? 4 : 12]
      let differences = [
        Int(found.red) - Int(color.red), Int(found.green) - Int(color.green),
        Int(found.blue) - Int(color.blue),
      ]
      #expect(
        differences.allSatisfy { abs($0) <= tolerance }, "quarter \(i): \(found)",
        sourceLocation: sourceLocation)
    }
  }

  @Test func `reads WebP, lossless and lossy, and lays transparency on white`() throws {
    let lossless = try ImageDecoder.decode(SamplePhotos.losslessWebP)
    expectQuarters(lossless.picture)
    #expect(lossless.format == .webp && !lossless.isFlattened)
    // Lossy: quality 90 of strong colours, chroma at half size.
    expectQuarters(try ImageDecoder.decode(SamplePhotos.lossyWebP).picture, tolerance: 12)
    let transparent = try ImageDecoder.decode(SamplePhotos.transparentWebP)
    expectQuarters(transparent.picture, right: [.white, .white])
    #expect(transparent.isFlattened)
  }

  @Test func `reads progressive, grey and CMYK JPEG`() throws {
    expectQuarters(try ImageDecoder.decode(SamplePhotos.progressiveJPEG).picture, tolerance: 30)
    let grey = try ImageDecoder.decode(SamplePhotos.greyJPEG).picture[4, 4]
    #expect(grey.red == grey.green && grey.green == grey.blue && abs(Int(grey.red) - 76) <= 3)
    expectQuarters(try ImageDecoder.decode(SamplePhotos.inkJPEG).picture, tolerance: 6)
  }

  @Test func `reads every kind of PNG sample`() throws {
    let deep = PNGFile.file(
      width: 2, height: 1, depth: 16,
      rows: [[0xFF, 0xFF, 0x80, 0x80, 0, 0, 0, 0, 0, 0, 0xFF, 0xFE]])
    #expect(try ImageDecoder.decode(deep).picture.pixels == [255, 128, 0, 0, 0, 255])
    let bits = PNGFile.file(width: 3, height: 1, depth: 1, color: 0, rows: [[0b1010_0000]])
    #expect(
      try ImageDecoder.decode(bits).picture.pixels == [255, 255, 255, 0, 0, 0, 255, 255, 255])
    let palette = PNGFile.file(
      width: 2, height: 1, color: 3, rows: [[1, 0]],
      chunks: [("PLTE", [9, 8, 7, 6, 5, 4]), ("tRNS", [0, 255])])
    let flattened = try ImageDecoder.decode(palette)
    #expect(flattened.picture.pixels == [6, 5, 4, 255, 255, 255] && flattened.isFlattened)
    let half = PNGFile.file(width: 1, height: 1, color: 4, rows: [[0, 128]])
    #expect(try ImageDecoder.decode(half).picture.pixels == [127, 127, 127])
    let opaque = PNGFile.file(width: 1, height: 1, color: 6, rows: [[1, 2, 3, 255]])
    let kept = try ImageDecoder.decode(opaque)
    #expect(kept.picture.pixels == [1, 2, 3] && !kept.isFlattened)
  }

  @Test(arguments: [UInt8(0), 2, 6]) func `reads interlaced PNG`(_ color: UInt8) throws {
    let channels = [0: 1, 2: 3, 6: 4][color] ?? 1
    let passes = [
      (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
      (0, 1, 1, 2),
    ]
    func sample(_ x: Int, _ y: Int) -> [UInt8] {
      let levels = [UInt8(x * 20 + y), UInt8(y * 30), UInt8(x + y), 255]
      return color == 0 ? [levels[0]] : Array(levels.prefix(channels))
    }
    let rows = passes.flatMap { x0, y0, dx, dy in
      stride(from: y0, to: 8, by: dy).map { y in
        stride(from: x0, to: 8, by: dx).flatMap { x in sample(x, y) }
      }
    }
    var file = PNGFile()
    file.header(width: 8, height: 8, color: color, interlace: 1)
    file.pixels(rows)
    file.chunk("IEND")
    let picture = try ImageDecoder.decode(file.bytes).picture
    for y in 0..<8 {
      for x in 0..<8 {
        let s = sample(x, y)
        #expect(picture[x, y] == (color == 0 ? RGB(s[0], s[0], s[0]) : RGB(s[0], s[1], s[2])))
      }
    }
  }

  @Test(arguments: BadPhotos.all) func `P16 refuses a bad file with its code`(
    _ file: BadPhotos.File
  ) {
    #expect(code(file.bytes) == file.code)
  }

  @Test func `P16 a file cut at any of fifty places is refused without a crash`() throws {
    let whole = [
      BadPhotos.soundPNG, BadPhotos.soundJPEG, SamplePhotos.lossyWebP, SamplePhotos.progressiveJPEG,
    ]
    for bytes in whole {
      _ = try ImageDecoder.decode(bytes)
      for cut in 0..<50 {
        let length = bytes.count * cut / 50
        let found = code(Array(bytes.prefix(length)))
        #expect(length < 16 ? found != nil : found == "truncated", "\(length) of \(bytes.count)")
      }
    }
  }

  @Test func `P16 flipped bits never crash the decoder`() {
    for original in [
      BadPhotos.soundPNG, SamplePhotos.progressiveJPEG, SamplePhotos.transparentWebP,
    ] {
      for i in 0..<300 {
        var bytes = original
        let place = i * 7919 % bytes.count
        bytes[place] ^= UInt8(1 << (i % 8))
        bytes[(place * 31 + i) % bytes.count] = UInt8(i % 256)
        if let picture = try? ImageDecoder.decode(bytes).picture {
          #expect(picture.pixels.count == picture.width * picture.height * 3)
        }
      }
    }
  }

  @Test func `animated WebP and more than 32 JPEG scans are refused`() throws {
    #expect(code(SamplePhotos.animatedWebP) == "animated")
    let bytes = SamplePhotos.progressiveJPEG
    let scan = try #require(
      bytes.indices.dropLast().last { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xDA })
    let repeated = (0..<33).flatMap { _ in bytes[scan..<bytes.count - 2] }
    let error = #expect(throws: ImagingError.self) {
      try ImageDecoder.decode(bytes[..<scan] + repeated + [0xFF, 0xD9])
    }
    #expect(error?.code == "undecodable" && error?.description.contains("scans") == true)
  }

  @Test func `an embedded profile is converted to sRGB, and one that is sRGB is not`() throws {
    let swapped = PhotoMetadata.profile(primaries: [1, 0, 2])
    let red: [[UInt8]] = [[255, 0, 0]]
    let png = PNGFile.file(
      width: 1, height: 1, rows: red,
      chunks: [("iCCP", Array("x".utf8) + [0, 0] + PNGFile.stored(swapped))])
    let converted = try ImageDecoder.decode(png)
    #expect(converted.isConverted)
    let green = converted.picture[0, 0]
    #expect(green.red < 16 && green.green > 240 && green.blue < 16, "\(green)")

    let jpeg = JPEGFile.encode(columns: 1, rows: 1, segments: [PhotoMetadata.app2(swapped)]) {
      _, _ in
      (255, 0, 0)
    }
    let turned = try ImageDecoder.decode(jpeg).picture[4, 4]
    #expect(turned.red < 16 && turned.green > 240 && turned.blue < 16, "\(turned)")

    let damaged = PNGFile.file(
      width: 1, height: 1, rows: red,
      chunks: [("iCCP", Array("x".utf8) + [0, 0] + PNGFile.stored(Array(swapped.prefix(200))))])
    let kept = try ImageDecoder.decode(damaged)
    #expect(kept.picture[0, 0] == RGB(255, 0, 0) && !kept.isConverted)
  }

  @Test func `a sound photo after its end marker may carry more`() throws {
    let pair = BadPhotos.soundJPEG + BadPhotos.soundJPEG
    #expect(
      try ImageDecoder.decode(pair).picture == ImageDecoder.decode(BadPhotos.soundJPEG).picture)
  }

  private func code(_ bytes: [UInt8]) -> String? {
    do throws(ImagingError) {
      _ = try ImageDecoder.decode(bytes)
      return nil
    } catch {
      return error.code
    }
  }
}
