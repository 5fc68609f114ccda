package import Contract
package import Foundation

/// Turns one photo of unknown origin into pixels. The service itself never reads a byte of it.
package protocol PhotoDecoder: Sendable {
  /// - Parameter targetSide: side of the training pictures in pixels, by which a photo is small or not;
  ///   `nil` if it is not known
  /// - Returns: what was found and, unless the photo is rejected, a PNG file in `folder`
  func decode(_ photo: URL, targetSide: Int?, into folder: URL) async throws -> DecodedPhoto
}

package struct DecodedPhoto: Sendable {
  package var result: DecodeResult
  package var pixels: URL?

  package init(result: DecodeResult, pixels: URL?) {
    self.result = result
    self.pixels = pixels
  }

  static func undecodable(_ message: String) -> DecodedPhoto {
    DecodedPhoto(
      result: DecodeResult(findings: [ImageFinding(.undecodable, message)]), pixels: nil)
  }
}
