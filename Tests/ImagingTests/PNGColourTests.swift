import Foundation
import Imaging
import TestSupport
import Testing

/// Right values by hand: samples to light, light of one set of primaries to XYZ to that of sRGB, light to samples.
@Suite struct PNGColourTests {
  private static let p3: [UInt8] = [12, 13, 0, 1]

  private static func big(_ values: Int...) -> [UInt8] {
    values.flatMap { value in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
  }
  private static let sRGBPrimaries = big(
    31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
  private static let p3Primaries = big(
    31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let chunks: [(String, [UInt8])]
    let sample: [UInt8]
    let right: [Int]
    var color: UInt8 = 2
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    // Light 0.456, 0.127, 0.127 of P3 is 0.530, 0.113, 0.121 of sRGB.
    Case(
      name: "P3 grey stays", chunks: [("cICP", p3)], sample: [128, 128, 128],
      right: [128, 128, 128]),
    Case(
      name: "P3 full red is clipped", chunks: [("cICP", p3)], sample: [255, 0, 0],
      right: [255, 0, 0]),
    Case(
      name: "P3 dull red", chunks: [("cICP", p3)], sample: [180, 100, 100], right: [193, 95, 98]),
    Case(
      name: "P3 by cHRM", chunks: [("cHRM", p3Primaries)], sample: [180, 100, 100],
      right: [193, 95, 98]),
    // 128/255 = 0.502 of light is sample 188 of sRGB.
    Case(
      name: "linear", chunks: [("gAMA", big(100_000))], sample: [128, 128, 128],
      right: [188, 188, 188]),
    Case(
      name: "linear by cICP", chunks: [("cICP", [1, 8, 0, 1])], sample: [128, 128, 128],
      right: [188, 188, 188]),
    Case(
      name: "linear grey", chunks: [("gAMA", big(100_000))], sample: [128], right: [188, 188, 188],
      color: 0),
    // 0.502 ^ (1 / 0.55) = 0.2857 of light.
    Case(
      name: "Macintosh gamma", chunks: [("gAMA", big(55_000))], sample: [128, 128, 128],
      right: [145, 145, 145]),
    Case(
      name: "sRGB's own gamma and primaries",
      chunks: [("gAMA", big(45_455)), ("cHRM", sRGBPrimaries)], sample: [20, 99, 200],
      right: [20, 99, 200]),
    Case(
      name: "sRGB counts before gAMA", chunks: [("gAMA", big(100_000)), ("sRGB", [0])],
      sample: [128, 128, 128], right: [128, 128, 128]),
    Case(
      name: "cICP counts before sRGB", chunks: [("sRGB", [0]), ("cICP", [1, 8, 0, 1])],
      sample: [128, 128, 128], right: [188, 188, 188]),
    Case(
      name: "a gamma of nothing is left out", chunks: [("gAMA", big(0))], sample: [128, 128, 128],
      right: [128, 128, 128]),
    Case(
      name: "primaries on one line are left out",
      chunks: [("cHRM", big(31270, 32900, 1, 1, 2, 2, 3, 3))], sample: [1, 2, 3], right: [1, 2, 3]),
  ]

  @Test(arguments: cases)
  func `colours are converted to sRGB`(_ test: Case) throws {
    let decoded = try ImageDecoder.decode(
      PNGFile.file(width: 1, height: 1, color: test.color, rows: [test.sample], chunks: test.chunks)
    )
    let pixel = decoded.picture[0, 0]
    let found = [Int(pixel.red), Int(pixel.green), Int(pixel.blue)]
    for (found, right) in zip(found, test.right) { #expect(abs(found - right) <= 1, "\(pixel)") }
    let isSame = test.sample == test.right.map { UInt8($0) }
    #expect(decoded.isConverted || isSame)
  }

  @Test(
    arguments: [[9, 16, 0, 1], [9, 18, 0, 1], [1, 13, 0, 0], [99, 13, 0, 1], [1, 77, 0, 1]]
      as [[UInt8]])
  func `what cannot be converted is refused by name`(_ codes: [UInt8]) throws {
    let png = PNGFile.file(width: 1, height: 1, rows: [[1, 2, 3]], chunks: [("cICP", codes)])
    let error = #expect(throws: ImagingError.self) { try ImageDecoder.decode(png) }
    #expect(error?.code == "unsupported_colour")
    #expect(error?.description.contains("cICP") == true)
  }

  @Test func `a cICP chunk of another form is damage`() throws {
    for codes: [UInt8] in [[1, 13, 1, 1], [1, 13, 0], []] {
      let png = PNGFile.file(width: 1, height: 1, rows: [[1, 2, 3]], chunks: [("cICP", codes)])
      #expect(throws: ImagingError.self) { try ImageDecoder.decode(png) }
    }
  }
}
