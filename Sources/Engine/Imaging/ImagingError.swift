/// Why a picture could not be read or written. `code` is the intake code of the API.
package enum ImagingError: Error, Equatable, CustomStringConvertible {
  case undecodable(String)
  case truncated(String)
  /// What the file seems to be instead.
  case unsupportedType(String)
  case tooLarge(String)
  case animated(frames: Int)
  /// What the file says of its colours and nothing here converts.
  case unsupportedColour(String)
  case encoding(String)

  package var code: String {
    switch self {
    case .undecodable, .encoding: "undecodable"
    case .truncated: "truncated"
    case .unsupportedType: "unsupported_type"
    case .tooLarge: "too_many_pixels"
    case .animated: "animated"
    case .unsupportedColour: "unsupported_colour"
    }
  }

  package var description: String {
    switch self {
    case .undecodable(let reason): "the file is damaged: \(reason); save the picture again"
    case .truncated(let reason): "the file ends too early: \(reason); send it again"
    case .unsupportedType(let found): "the file is \(found); send a PNG, JPEG or WebP picture"
    case .tooLarge(let reason): "\(reason); send a smaller picture"
    case .animated(let frames): "the picture has \(frames) frames; send a still picture"
    case .unsupportedColour(let found):
      "the picture has \(found), which is not converted here; save it as sRGB"
    case .encoding(let reason): "the picture cannot be written as PNG: \(reason)"
    }
  }
}
