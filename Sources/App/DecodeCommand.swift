import ArgumentParser
import CLinux
import Contract
import Foundation
import Glibc
import Imaging

/// The jailed child that decodes one upload: bytes of unknown origin on stdin; on descriptor 3 one
/// `DecodeResult` line, then the pixels as PNG.
struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Decodes one photo in a jail (started by the service).",
    discussion: """
      Reads a PNG, JPEG or WebP picture on stdin. Writes one line of JSON to descriptor 3 and, unless \
      the picture is rejected (exit code 65), the pixels as PNG: upright, sRGB, without metadata.
      """,
    shouldDisplay: false)

  @Option(help: "Side of the training pictures in pixels; smaller photos are said to be enlarged.")
  var targetSide = 64

  private static let output: Int32 = 3

  /// A picture of 40 million pixels takes 120 MB, its progressive JPEG 240 MB more while it is decoded.
  private static let jail = clinux_jail(
    memory: 512 << 20, cpu_seconds: 10, wall_seconds: 60, descriptors: 4)

  func run() throws {
    guard fcntl(Self.output, F_GETFL) >= 0 else {
      throw UsageError("decode: descriptor 3 is not open; try `3> picture.out`")
    }
    // The pipe may have been made for an event loop; here a full one is waited for.
    _ = fcntl(Self.output, F_SETFL, fcntl(Self.output, F_GETFL) & ~O_NONBLOCK)
    var jail = Self.jail
    let refusal = clinux_enter_jail(&jail)
    guard refusal == 0 else {
      let reason = String(cString: strerror(-refusal))
      throw UsageError("decode: this kernel does not let the decoder be jailed (\(reason))")
    }
    let (result, png) = Self.examine(try Self.input(), targetSide: targetSide)
    try Self.write([UInt8](EventLine.encode(result)))
    if let png {
      try Self.write(png)
    } else {
      throw ExitCode(DecodeExit.rejected.rawValue)
    }
  }

  private static func examine(
    _ bytes: consuming [UInt8], targetSide: Int
  ) -> (DecodeResult, png: [UInt8]?) {
    do throws(ImagingError) {
      let photo = try ImageDecoder.decode(bytes)
      bytes = []
      let findings = PhotoChecks.findings(on: photo, targetSide: targetSide)
      var result = DecodeResult(
        findings: findings.map { finding($0.code, $0.description) },
        width: photo.picture.width, height: photo.picture.height)
      if result.verdict == .rejected { return (result, nil) }

      let square = photo.picture.centerSquare
      result.cropBox = CropBox(x: square.x, y: square.y, side: square.side)
      let levels = PhotoChecks.thumbnail(of: photo.picture, side: ImageFingerprint.side)
      result.fingerprint = ImageFingerprint(grey: Data(levels))
      // Pixels are stored once and read often, but the child has seconds: the fastest level.
      let png = try PNGEncoder.encode(photo.picture, compression: 1)
      result.pngBytes = png.count
      return (result, png)
    } catch {
      return (DecodeResult(findings: [finding(error.code, error.description)]), nil)
    }
  }

  private static func finding(_ code: String, _ message: String) -> ImageFinding {
    ImageFinding(ImageCode(rawValue: code) ?? .undecodable, message)
  }

  /// All of stdin, up to one byte more than a picture may have.
  private static func input() throws -> [UInt8] {
    let limit = ImageLimits().bytes + 1
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while bytes.count < limit {
      let count = read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return bytes
  }

  private static func write(_ bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(output, buffer.baseAddress.map { $0 + offset }, buffer.count - offset)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      offset += count
    }
  }
}
