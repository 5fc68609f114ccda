/// Why a picture could not be read or written. `code` is the intake code of the API.
package enum ImagingError: Error, Equatable, CustomStringConvertible {
  case undecodable(String)
  case truncated(String)
  case unsupportedType(String)
  case tooManyPixels(width: Int, height: Int, limits: ImageLimits)
  case animated(frames: String)
  case encoding(String)

  package var code: String {
    switch self {
    case .undecodable, .encoding: "undecodable"
    case .truncated: "truncated"
    case .unsupportedType: "unsupported_type"
    case .tooManyPixels: "too_many_pixels"
    case .animated: "animated"
    }
  }

  package var description: String {
    switch self {
    case .undecodable(let reason): "the file is damaged: \(reason)"
    case .truncated(let reason): "the file ends too early: \(reason)"
    case .unsupportedType(let found): "\(found); send a PNG, JPEG or WebP picture"
    case .tooManyPixels(let width, let height, let limits):
      "\(width) x \(height) pixels; at most \(limits.side) a side and "
        + "\(limits.pixels / 1_000_000) million in all"
    case .animated(let frames): "the file is animated (\(frames)); send a single picture"
    case .encoding(let reason): "the picture cannot be written as PNG: \(reason)"
    }
  }
}

/// What a picture may ask for before its pixels are decoded.
package struct ImageLimits: Equatable, Sendable {
  /// Pixels of the longer side.
  package var side = 8192
  /// Width x height.
  package var pixels = 40_000_000
  /// Bytes of the file.
  package var bytes = 64 << 20
  /// Scans of a progressive JPEG: each costs a pass over the whole picture.
  package var scans = 32
  /// Chunks of a PNG, those of its pixels included only as one.
  package var chunks = 256

  package init() {}
}
