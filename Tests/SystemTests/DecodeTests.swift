import Contract
import Foundation
import Imaging
import TestSupport
import Testing

/// `dreambooth decode`, the built binary, as the service starts it.
@Suite struct DecodeTests {
  private struct Outcome {
    var exitCode: Int32
    var result: DecodeResult
    var png: [UInt8]
  }

  /// The binary lies beside the bundle of the tests.
  private static let binary = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appending(path: "dreambooth")

  /// Descriptors above 2 are a shell's to give.
  private func decode(_ photo: [UInt8], targetSide: Int = 64) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory.appending(path: "decode-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (input, output) = (folder.appending(path: "photo"), folder.appending(path: "out"))
    try Data(photo).write(to: input)
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = [
      "-c", #"exec "$0" decode --target-side "$1" < "$2" 3> "$3""#, Self.binary.path,
      "\(targetSide)", input.path, output.path,
    ]
    try shell.run()
    shell.waitUntilExit()
    let bytes = [UInt8](try Data(contentsOf: output))
    let end = try #require(bytes.firstIndex(of: 0x0A), "no answer")
    return Outcome(
      exitCode: shell.terminationStatus,
      result: try EventLine.decode(DecodeResult.self, from: Data(bytes[..<end])),
      png: Array(bytes[(end + 1)...]))
  }

  @Test func `a phone's photo comes back upright, whole, and without its metadata`() throws {
    let photo = JPEGFile.encode(
      columns: 500, rows: 375, segments: [PhotoMetadata.app1(orientation: 6)]
    ) { x, y in (Double(x % 5 * 50), Double(y % 6 * 50), Double((x / 25 + y / 25) % 2 * 200)) }
    let outcome = try decode(photo)
    #expect(outcome.exitCode == DecodeExit.accepted.rawValue)
    #expect(outcome.result.verdict == .accepted)
    #expect(outcome.result.findings.map(\.code) == [.exifRotated, .cropped])
    #expect(outcome.result.width == 3000 && outcome.result.height == 4000)
    #expect(outcome.result.cropBox == CropBox(x: 0, y: 500, side: 3000))
    #expect(outcome.result.pngBytes == outcome.png.count)
    #expect(try ImageDecoder.decode(outcome.png).picture == ImageDecoder.decode(photo).picture)
    #expect(Set(PNGFile.chunks(in: outcome.png).map(\.name)) == ["IHDR", "IDAT", "IEND"])
    #expect(Data(photo).range(of: Data("SecretCam".utf8)) != nil)
    #expect(Data(outcome.png).range(of: Data("SecretCam".utf8)) == nil)
  }

  @Test(arguments: BadPhotos.all) func `P16 a bad file gets one verdict and no pixels`(
    _ file: BadPhotos.File
  ) throws {
    let outcome = try decode(file.bytes)
    #expect(outcome.exitCode == DecodeExit.rejected.rawValue)
    #expect(outcome.result.verdict == .rejected && outcome.png.isEmpty)
    #expect(outcome.result.findings.map(\.code.rawValue) == [file.code])
  }

  @Test func `forty million pixels fit the jail`() throws {
    let photo = JPEGFile.encode(columns: 1000, rows: 625) { x, y in
      (Double(x % 256), Double(y % 256), Double((x ^ y) & 255))
    }
    let outcome = try decode(photo)
    #expect(outcome.exitCode == DecodeExit.accepted.rawValue)
    #expect(outcome.result.width == 8000 && outcome.result.height == 5000)
  }
}
