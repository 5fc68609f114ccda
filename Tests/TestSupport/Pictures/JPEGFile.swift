/// Baseline JPEG files of flat 8 x 8 blocks: large photos in no time, and the same pixels however the
/// blocks are arranged.
package enum JPEGFile {
  package typealias Color = (red: Double, green: Double, blue: Double)

  /// - Parameters:
  ///   - columns, rows: size in blocks of 8 x 8 pixels
  ///   - segments: marker and payload of what stands between SOI and the tables
  ///   - color: of the block at (column, row), 0...255
  package static func encode(
    columns: Int, rows: Int, segments: [(marker: UInt8, payload: [UInt8])] = [],
    color: (_ column: Int, _ row: Int) -> Color
  ) -> [UInt8] {
    var file: [UInt8] = [0xFF, 0xD8]
    for (marker, payload) in segments { file += segment(marker, payload) }
    file += segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
    let (width, height) = (columns * 8, rows * 8)
    let size = [height >> 8, height & 255, width >> 8, width & 255].map(UInt8.init)
    file += segment(0xC0, [8] + size + [3] + (1...3).flatMap { [UInt8($0), 0x11, 0] })
    // DC: categories 0 to 14 as codes of four bits. AC: the end of the block as 00.
    file += segment(0xC4, [0x00, 0, 0, 0, 15] + [UInt8](repeating: 0, count: 12) + (0..<15))
    file += segment(0xC4, [0x10, 0, 1] + [UInt8](repeating: 0, count: 14) + [0])
    file += segment(0xDA, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0])

    var bits = BitWriter()
    var previous = [0, 0, 0]
    for row in 0..<rows {
      for column in 0..<columns {
        for (component, level) in luma(color(column, row)).enumerated() {
          let dc = Int((8 * (level - 128)).rounded())
          bits.append(difference: dc - previous[component])
          bits.append(0, count: 2)
          previous[component] = dc
        }
      }
    }
    return file + bits.finished() + [0xFF, 0xD9]
  }

  package static func segment(_ marker: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0xFF, marker, UInt8((payload.count + 2) >> 8), UInt8((payload.count + 2) & 255)] + payload
  }

  /// Y Cb Cr of JFIF.
  private static func luma(_ color: Color) -> [Double] {
    let (r, g, b) = (color.red, color.green, color.blue)
    return [
      0.299 * r + 0.587 * g + 0.114 * b,
      128 - 0.168736 * r - 0.331264 * g + 0.5 * b,
      128 + 0.5 * r - 0.418688 * g - 0.081312 * b,
    ]
  }
}

private struct BitWriter {
  private var bytes: [UInt8] = []
  private var pending: UInt64 = 0
  private var count = 0

  mutating func append(_ value: Int, count bits: Int) {
    pending = pending << UInt64(bits) | UInt64(value & ((1 << bits) - 1))
    count += bits
    while count >= 8 {
      count -= 8
      let byte = UInt8(pending >> UInt64(count) & 255)
      bytes.append(byte)
      if byte == 0xFF { bytes.append(0) }
    }
  }

  mutating func append(difference: Int) {
    let category = Int.bitWidth - abs(difference).leadingZeroBitCount
    append(category, count: 4)
    append(difference < 0 ? difference - 1 : difference, count: category)
  }

  mutating func finished() -> [UInt8] {
    if count > 0 { append(0x7F, count: 8 - count) }
    return bytes
  }
}
