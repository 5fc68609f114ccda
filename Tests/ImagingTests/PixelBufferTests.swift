import Imaging
import Testing

@Suite struct PixelBufferTests {
  @Test func `levels survive the way to -1...1 and back`() {
    let all = PixelBuffer(width: 256, height: 1, pixels: (0..<768).map { UInt8($0 / 3) })
    #expect(all.signed.first == -1 && all.signed.last == 1)
    #expect(PixelBuffer(width: 256, height: 1, signed: all.signed) == all)
  }

  @Test func `values beyond the range are clamped`() {
    let picture = PixelBuffer(width: 1, height: 1, signed: [-7, .nan, .infinity])
    #expect(picture.pixels == [0, 0, 255])
  }
}
