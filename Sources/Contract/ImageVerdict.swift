/// What intake says of one photo. `warned` photos are used; `rejected` ones are not.
package enum ImageVerdict: String, Codable, Sendable, CaseIterable {
  case accepted, warned, rejected
}

/// Why, in the words of the API. A photo can carry several.
package enum ImageCode: String, Codable, Sendable, CaseIterable {
  case undecodable, truncated, animated, upscaled, cropped, blurred, blank
  case unsupportedType = "unsupported_type"
  case tooSmall = "too_small"
  case tooManyPixels = "too_many_pixels"
  case unsupportedColour = "unsupported_colour"
  case exifRotated = "exif_rotated"
  case iccConverted = "icc_converted"
  case alphaFlattened = "alpha_flattened"
  case nearDuplicate = "near_duplicate"
  case maskRejected = "mask_rejected"

  /// What a photo with this code and no worse one is.
  package var verdict: ImageVerdict {
    switch self {
    case .undecodable, .truncated, .unsupportedType, .tooSmall, .tooManyPixels, .animated,
      .unsupportedColour, .maskRejected:
      .rejected
    case .upscaled, .nearDuplicate, .blurred, .blank: .warned
    case .exifRotated, .iccConverted, .alphaFlattened, .cropped: .accepted
    }
  }
}

/// One code with a sentence for the user: what was found and, where something is wrong, what would be
/// right.
package struct ImageFinding: Codable, Equatable, Sendable {
  package var code: ImageCode
  package var message: String

  package init(_ code: ImageCode, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// The square that a trainer cuts out of the decoded picture, in its pixels.
package struct CropBox: Codable, Equatable, Sendable {
  package var x: Int
  package var y: Int
  package var side: Int

  package init(x: Int, y: Int, side: Int) {
    self.x = x
    self.y = y
    self.side = side
  }
}

/// What `dreambooth decode` says of one photo: the first line on descriptor 3 (an `EventLine`), followed,
/// unless the photo is rejected, by `pngBytes` bytes of PNG: full size, oriented, sRGB, no metadata.
///
/// A child that ends by a signal, without a line, or with fewer PNG bytes has said `undecodable`.
package struct DecodeResult: Codable, Equatable, Sendable {
  package var findings: [ImageFinding]
  /// Size after orientation; `nil` if the file did not tell.
  package var width: Int?
  package var height: Int?
  package var cropBox: CropBox?
  /// For the comparison across the set; `nil` if the photo is rejected.
  package var fingerprint: ImageFingerprint?
  package var pngBytes: Int

  package init(
    findings: [ImageFinding], width: Int? = nil, height: Int? = nil, cropBox: CropBox? = nil,
    fingerprint: ImageFingerprint? = nil, pngBytes: Int = 0
  ) {
    self.findings = findings
    self.width = width
    self.height = height
    self.cropBox = cropBox
    self.fingerprint = fingerprint
    self.pngBytes = pngBytes
  }

  package var verdict: ImageVerdict {
    let verdicts = findings.map(\.code.verdict)
    return verdicts.contains(.rejected)
      ? .rejected : verdicts.contains(.warned) ? .warned : .accepted
  }
}

/// Exit codes of `dreambooth decode`, the result being on descriptor 3 in both cases.
package enum DecodeExit: Int32, Sendable {
  case accepted = 0
  case rejected = 65
}
