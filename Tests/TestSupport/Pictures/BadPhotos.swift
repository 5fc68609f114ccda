/// Files that intake must refuse, each with the code it must give.
package enum BadPhotos {
  package struct File: Sendable, CustomStringConvertible {
    package var name: String
    package var bytes: [UInt8]
    package var code: String
    package var description: String { name }
  }

  package static var all: [File] { disguised + damaged + excessive }

  /// A sound PNG with many different rows.
  package static let soundPNG = PNGFile.file(
    width: 32, height: 32,
    rows: (0..<32).map { y in (0..<96).map { UInt8(truncatingIfNeeded: $0 * 7 + y * 13) } })

  /// A sound JPEG.
  package static let soundJPEG = JPEGFile.encode(columns: 6, rows: 4) { x, y in
    (Double(x * 40), Double(y * 60), 128)
  }

  /// Of another type, whatever their name.
  private static var disguised: [File] {
    let contents: [(String, [UInt8])] = [
      ("empty.png", []),
      ("text.jpg", Array("this is not a picture\n".utf8)),
      ("page.jpg", Array("<html><body>hello</body></html>".utf8)),
      ("drawing.png", Array("<svg xmlns=\"http://www.w3.org/2000/svg\"/>".utf8)),
      ("archive.png", Array("PK".utf8) + [3, 4] + [UInt8](repeating: 0, count: 60)),
      ("animation.jpg", Array("GIF89a".utf8) + [1, 0, 1, 0, 0, 0, 0, 0x3B]),
      ("bitmap.png", Array("BM".utf8) + [UInt8](repeating: 0, count: 52)),
      ("scan.jpg", Array("II*\0".utf8) + [8, 0, 0, 0, 0, 0]),
      ("phone.jpg", [0, 0, 0, 24] + Array("ftypheic".utf8) + [UInt8](repeating: 0, count: 12)),
      ("document.jpg", Array("%PDF-1.7".utf8)),
      ("model.png", [0x80, 0x02] + Array("cposix\nsystem\n".utf8)),
      ("zeros.png", [UInt8](repeating: 0, count: 256)),
      (".DS_Store", [0, 0, 0, 1] + Array("Bud1".utf8) + [UInt8](repeating: 0, count: 32)),
    ]
    return contents.map { File(name: $0.0, bytes: $0.1, code: "unsupported_type") }
  }

  private static var damaged: [File] {
    var noPalette = PNGFile()
    noPalette.header(width: 4, height: 4, color: 3)
    noPalette.pixels([[UInt8]](repeating: [0, 1, 2, 3], count: 4))
    noPalette.chunk("IEND")
    var noPixels = PNGFile()
    noPixels.header(width: 4, height: 4)
    noPixels.chunk("IEND")
    var noHeader = PNGFile()
    noHeader.chunk("IDAT", [1, 2, 3])
    var wrongDepth = PNGFile()
    wrongDepth.header(width: 4, height: 4, depth: 3)
    wrongDepth.pixels([])
    wrongDepth.chunk("IEND")
    var fewRows = PNGFile()
    fewRows.header(width: 4, height: 4)
    fewRows.pixels([[UInt8](repeating: 9, count: 12)])
    fewRows.chunk("IEND")
    var wrongSum = soundPNG
    wrongSum[29] ^= 1
    var noise = PNGFile()
    noise.header(width: 64, height: 64)
    noise.chunk("IDAT", (0..<200).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) })
    noise.chunk("IEND")
    var zero = PNGFile()
    zero.header(width: 0, height: 5)
    zero.chunk("IEND")
    let noPicture: [UInt8] = [0xFF, 0xD8, 0xFF, 0xD9]
    let broken = soundJPEG.prefix { $0 != 0xC4 } + [0xC4, 0, 1] + soundJPEG.suffix(20)
    let files: [(String, [UInt8])] = [
      ("palette without colours.png", noPalette.bytes), ("no pixels.png", noPixels.bytes),
      ("no header.png", noHeader.bytes), ("depth 3.png", wrongDepth.bytes),
      ("one row of four.png", fewRows.bytes), ("wrong checksum.png", wrongSum),
      ("noise.png", noise.bytes), ("no width.png", zero.bytes), ("no picture.jpg", noPicture),
      ("short segment.jpg", Array(broken)),
    ]
    return files.map { File(name: $0.0, bytes: $0.1, code: "undecodable") }
      + [
        File(name: "half.png", bytes: soundPNG.dropLast(soundPNG.count / 2), code: "truncated"),
        File(name: "half.jpg", bytes: soundJPEG.dropLast(soundJPEG.count / 2), code: "truncated"),
      ]
  }

  private static var excessive: [File] {
    var bomb = PNGFile()
    bomb.header(width: 30_000, height: 30_000)
    bomb.chunk("IDAT", PNGFile.stored([]))
    bomb.chunk("IEND")
    var long = PNGFile()
    long.header(width: 8193, height: 1)
    long.chunk("IEND")
    var moving = PNGFile()
    moving.header(width: 4, height: 4)
    moving.chunk("acTL", big(3) + big(0))
    moving.pixels([[UInt8]](repeating: [UInt8](repeating: 0, count: 12), count: 4))
    moving.chunk("IEND")
    var chatty = PNGFile()
    chatty.header(width: 4, height: 4)
    for _ in 0..<300 { chatty.chunk("tEXt", Array("a\0b".utf8)) }
    chatty.pixels([[UInt8]](repeating: [UInt8](repeating: 0, count: 12), count: 4))
    chatty.chunk("IEND")
    let wide = JPEGFile.encode(columns: 1, rows: 1) { _, _ in (0, 0, 0) }.replacingSize(9000, 9000)
    return [
      File(name: "30000 x 30000.png", bytes: bomb.bytes, code: "too_many_pixels"),
      File(name: "8193 x 1.png", bytes: long.bytes, code: "too_many_pixels"),
      File(name: "9000 x 9000.jpg", bytes: wide, code: "too_many_pixels"),
      File(name: "three frames.png", bytes: moving.bytes, code: "animated"),
      File(name: "300 texts.png", bytes: chatty.bytes, code: "undecodable"),
    ]
  }
}

extension [UInt8] {
  /// A JPEG that declares another size.
  fileprivate func replacingSize(_ width: Int, _ height: Int) -> [UInt8] {
    guard let frame = indices.first(where: { self[$0] == 0xFF && self[$0 + 1] == 0xC0 }) else {
      return self
    }
    var copy = self
    for (i, byte) in [height >> 8, height & 255, width >> 8, width & 255].enumerated() {
      copy[frame + 5 + i] = UInt8(byte)
    }
    return copy
  }
}
