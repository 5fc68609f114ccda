import Imaging
import Testing

/// Values of Pillow 13.0.
private struct Golden: Sendable {
  var kernel: ResampleKernel
  var width: Int
  var height: Int
  var pixels: [UInt8]
  init(_ kernel: ResampleKernel, _ width: Int, _ height: Int, _ pixels: [UInt8]) {
    self.kernel = kernel
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}

@Suite struct ResizeTests {
  private static let source: PixelBuffer = {
    var picture = PixelBuffer(width: 9, height: 7)
    for y in 0..<7 {
      for x in 0..<9 {
        let levels = (0..<3).map {
          UInt8((x * 29 + y * 53 + $0 * 71 + (x * y) % 5 * 17) % 256)
        }
        picture[x, y] = RGB(levels[0], levels[1], levels[2])
      }
    }
    return picture
  }()

  @Test(arguments: goldens) private func `agrees with Pillow within one level`(_ golden: Golden) {
    let resized = Self.source.resized(
      width: golden.width, height: golden.height, kernel: golden.kernel)
    // One level: Pillow's weights are 22-bit integers, ours are floats.
    let worst = zip(resized.pixels, golden.pixels).map { abs(Int($0) - Int($1)) }.max()
    #expect(worst ?? 255 <= 1, "\(golden.kernel) to \(golden.width) x \(golden.height)")
    #expect(resized.pixels.count == golden.pixels.count)
  }

  @Test(arguments: ResampleKernel.allCases) func `keeps one colour one colour`(
    _ kernel: ResampleKernel
  ) {
    let flat = PixelBuffer(width: 31, height: 17, fill: RGB(10, 128, 250))
    let resized = flat.resized(width: 50, height: 5, kernel: kernel)
    #expect(resized == PixelBuffer(width: 50, height: 5, fill: RGB(10, 128, 250)))
  }

  @Test func `leaves a picture of the wanted size alone`() {
    #expect(Self.source.resized(width: 9, height: 7) == Self.source)
  }

  private static let goldens: [Golden] = [
    Golden(
      .box, 4, 3,
      [
        46, 117, 188, 139, 125, 111, 191, 134, 77, 138, 81, 152, 157, 142, 128, 115, 101, 172,
        131, 117, 145, 163, 106, 92, 55, 126, 197, 148, 134, 120, 200, 143, 86, 147, 90, 161,
      ]),
    Golden(
      .box, 13, 2,
      [
        80, 151, 158, 134, 141, 148, 134, 141, 148, 167, 110, 117, 137, 80, 151, 137, 80, 151,
        106, 113, 120, 161, 104, 111, 161, 104, 111, 151, 158, 101, 120, 127, 70, 120, 127,
        70, 154, 97, 168, 94, 80, 151, 66, 137, 208, 66, 137, 208, 95, 166, 152, 124, 110,
        181, 124, 110, 181, 153, 139, 125, 154, 140, 125, 154, 140, 125, 211, 112, 97, 155,
        55, 126, 155, 55, 126, 184, 84, 155,
      ]),
    Golden(
      .bicubic, 4, 3,
      [
        75, 144, 171, 148, 103, 113, 176, 111, 86, 132, 113, 145, 168, 129, 125, 119, 99, 172,
        106, 127, 151, 159, 111, 81, 68, 123, 182, 122, 140, 155, 180, 135, 97, 176, 80, 137,
      ]),
    Golden(
      .bicubic, 13, 2,
      [
        80, 138, 167, 102, 147, 161, 134, 146, 144, 159, 120, 118, 154, 84, 134, 132, 80, 141,
        110, 110, 124, 153, 100, 116, 170, 114, 114, 153, 140, 109, 124, 126, 76, 131, 111,
        122, 149, 103, 181, 108, 108, 133, 102, 118, 162, 104, 130, 180, 123, 136, 152, 118,
        121, 175, 115, 119, 175, 124, 138, 138, 132, 140, 141, 158, 138, 120, 186, 129, 86,
        158, 93, 90, 168, 76, 120, 190, 73, 148,
      ]),
    Golden(
      .lanczos3, 4, 3,
      [
        74, 150, 174, 155, 99, 107, 178, 107, 82, 128, 120, 150, 174, 129, 121, 119, 96, 178,
        100, 130, 152, 164, 110, 76, 63, 119, 184, 117, 146, 160, 183, 136, 93, 181, 75, 137,
      ]),
    Golden(
      .lanczos3, 13, 2,
      [
        84, 137, 163, 101, 147, 160, 138, 146, 140, 159, 118, 120, 157, 82, 137, 123, 84, 146,
        105, 112, 126, 148, 103, 117, 172, 115, 119, 149, 142, 105, 124, 129, 68, 134, 107,
        120, 153, 100, 181, 112, 111, 131, 105, 119, 163, 109, 133, 179, 127, 136, 150, 122,
        118, 172, 114, 116, 176, 122, 136, 143, 129, 138, 145, 161, 136, 124, 184, 127, 85,
        157, 97, 84, 165, 77, 123, 190, 75, 150,
      ]),
  ]
}
