import Contract
import Foundation
import Imaging
import TestSupport
import Testing

/// Photographs beside the repository, if they are there.
private let dreambench = URL(filePath: #filePath).deletingLastPathComponent()
  .appending(path: "../../../shared/dreambench/dataset").standardized
private let hasDreambench = FileManager.default.fileExists(atPath: dreambench.path)

@Suite struct PhotoChecksTests {
  private func photo(_ picture: PixelBuffer) throws -> ImageDecoder.Decoded {
    try ImageDecoder.decode(PNGEncoder.encode(picture))
  }

  /// A checkerboard in two tones.
  private func board(width: Int, height: Int, cell: Int) -> PixelBuffer {
    var canvas = Canvas(width: width, height: height, fill: RGB(200, 180, 160))
    for y in stride(from: 0, to: height, by: cell) {
      for x in stride(from: y / cell % 2 * cell, to: width, by: 2 * cell) {
        canvas.fill(x: x, y: y, width: cell, height: cell, RGB(40, 60, 90))
      }
    }
    return canvas.picture
  }

  private func codes(_ picture: PixelBuffer, target: Int = 128) throws -> [String] {
    PhotoChecks.findings(on: try photo(picture), targetSide: target).map(\.code)
  }

  @Test func `a sharp square photo of enough pixels has nothing to say about it`() throws {
    #expect(try codes(board(width: 200, height: 200, cell: 20)) == [])
  }

  @Test func `size, crop, blur and blankness are said`() throws {
    #expect(try codes(board(width: 300, height: 200, cell: 20)) == ["cropped"])
    #expect(try codes(board(width: 100, height: 100, cell: 10)) == ["upscaled"])
    #expect(try codes(board(width: 100, height: 31, cell: 10)) == ["too_small"])
    let soft = board(width: 32, height: 32, cell: 8).resized(width: 512, height: 512)
    #expect(try codes(soft) == ["blurred"])
    #expect(try codes(PixelBuffer(width: 200, height: 200, fill: RGB(9, 9, 9))) == ["blank"])
  }

  @Test func `what was done to the pixels is said`() throws {
    let swapped = PhotoMetadata.profile(primaries: [1, 0, 2])
    let bytes = JPEGFile.encode(
      columns: 16, rows: 16,
      segments: [PhotoMetadata.app1(orientation: 3), PhotoMetadata.app2(swapped)]
    ) { x, y in (x + y) % 2 == 0 ? (200, 100, 50) : (20, 30, 90) }
    let findings = PhotoChecks.findings(on: try ImageDecoder.decode(bytes), targetSide: 64)
    #expect(findings.map(\.code) == ["exif_rotated", "icc_converted"])
    func pixel(_ x: Int, _ y: Int) -> [UInt8] { [0, 0, 0, UInt8((x / 4 + y / 4) % 2 * 255)] }
    let rows = (0..<32).map { y in (0..<32).flatMap { x in pixel(x, y) } }
    let clear = PNGFile.file(width: 32, height: 32, color: 6, rows: rows)
    let flattened = PhotoChecks.findings(on: try ImageDecoder.decode(clear), targetSide: 32)
    #expect(flattened.map(\.code) == ["alpha_flattened"])
  }

  @Test func `every code is one of the API's`() {
    let square = Square(x: 0, y: 0, side: 1)
    let findings: [PhotoFinding] = [
      .tooSmall(side: 1, minimum: 2), .upscaled(side: 1, target: 2), .exifRotated(.topRight),
      .iccConverted, .alphaFlattened, .cropped(square, width: 1, height: 2),
      .blurred(sharpness: 1), .blank(deviation: 1),
    ]
    let errors: [ImagingError] = [
      .undecodable(""), .truncated(""), .unsupportedType(""), .tooLarge(""), .animated(frames: 2),
    ]
    for code in findings.map(\.code) + errors.map(\.code) {
      #expect(ImageCode(rawValue: code) != nil, "\(code)")
    }
  }

  @Test func `P17 a circle in a 2:1 picture stays a circle`() throws {
    var wide = PixelBuffer(width: 400, height: 200)
    for y in 0..<200 {
      for x in 0..<400 where (x - 200) * (x - 200) + (y - 100) * (y - 100) < 80 * 80 {
        wide[x, y] = .black
      }
    }
    let square = wide.trainingSquare(side: 100)
    let row = (0..<100).count { square[$0, 50].red < 128 }
    let column = (0..<100).count { square[50, $0].red < 128 }
    #expect(row == column && abs(row - 80) <= 1)
  }

  @Test(.enabled(if: hasDreambench, "needs shared/dreambench beside the repository"))
  func `P21 mirrored and shifted photos are flagged, different ones are not`() throws {
    func groups(_ subject: String) throws -> [[Int]] {
      let files = (0..<5).map { dreambench.appending(path: "\(subject)/0\($0).jpg") }
        .filter { FileManager.default.fileExists(atPath: $0.path) }
      let fingerprints = try files.map { file in
        let picture = try ImageDecoder.decode(contentsOf: file).picture
        let levels = PhotoChecks.thumbnail(of: picture, side: ImageFingerprint.side)
        return ImageFingerprint(grey: Data(levels))
      }
      let found = NearDuplicates.groups(fingerprints).compactMap { $0?.members }
      return Array(Set(found)).sorted { $0[0] < $1[0] }
    }
    #expect(try groups("dog5") == [[2, 3]])
    #expect(try groups("cat") == [[2, 3]])
    #expect(try groups("red_cartoon") == [])
    #expect(try groups("vase") == [])
  }

  @Test(.enabled(if: hasDreambench, "needs shared/dreambench beside the repository"))
  func `photographs of DreamBench are accepted as they are`() throws {
    for subject in ["backpack", "can", "cat", "dog", "dog6", "duck_toy"] {
      let file = dreambench.appending(path: "\(subject)/00.jpg")
      let photo = try ImageDecoder.decode(contentsOf: file)
      #expect(PhotoChecks.findings(on: photo, targetSide: 512) == [], "\(subject)")
    }
  }
}
