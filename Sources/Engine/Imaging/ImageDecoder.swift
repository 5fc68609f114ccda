import CCodecs
package import Foundation

/// Bytes from anywhere to upright sRGB pixels. The format is told by content, never by name; what the
/// file may cost is decided from its head, before a pixel is decoded.
package enum ImageDecoder {
  package enum Format: String, Sendable { case png, jpeg, webp }

  package struct Decoded: Sendable {
    package var picture: PixelBuffer
    package var format: Format
    /// How the stored picture lay; `picture` is upright.
    package var orientation: Orientation
    /// An embedded profile, or what the file says of its colours, changed the colours.
    package var isConverted: Bool
    /// A pixel was not opaque; it lies on white now.
    package var isFlattened: Bool
  }

  package static func decode(
    _ bytes: [UInt8], limits: ImageLimits = ImageLimits()
  ) throws(ImagingError) -> Decoded {
    guard bytes.count <= limits.bytes else {
      throw .tooLarge("\(bytes.count) bytes; at most \(limits.bytes >> 20) MiB")
    }
    let format = try format(of: bytes)
    let header =
      switch format {
      case .png: try PNGHeader.read(bytes, limits)
      case .jpeg: try JPEGHeader.read(bytes, limits)
      case .webp: try WebPHeader.read(bytes, limits)
      }
    try header.check(limits)
    let orientation = header.exif.flatMap { Orientation(exif: Array(bytes[$0])) } ?? .topLeft
    var decoded = try pixels(bytes, format, header)
    decoded.orientation = orientation
    decoded.picture = decoded.picture.upright(from: orientation)
    return decoded
  }

  package static func decode(
    contentsOf file: URL, limits: ImageLimits = ImageLimits()
  ) throws -> Decoded { try decode([UInt8](Data(contentsOf: file)), limits: limits) }

  private static func pixels(
    _ bytes: [UInt8], _ format: Format, _ header: ImageHeader
  ) throws(ImagingError) -> Decoded {
    let (width, height) = (header.width, header.height)
    let decode =
      switch format {
      case .png: codec_png_decode
      case .jpeg: codec_jpeg_decode
      case .webp: codec_webp_decode
      }
    var state = codec_picture()
    state.width = UInt32(width)
    state.height = UInt32(height)
    if let colour = header.colour { state.colour = colour.stated }
    state.capacity = width * height * header.workingBytes
    var isDecoded = false
    let pixels = [UInt8](unsafeUninitializedCapacity: state.capacity) { buffer, count in
      state.buffer = buffer.baseAddress
      bytes.withUnsafeBufferPointer { source in
        if let icc = header.icc { state.icc = source.baseAddress.map { $0 + icc.lowerBound } }
        state.icc_size = header.icc?.count ?? 0
        isDecoded = decode(source.baseAddress, source.count, &state) == 1
      }
      count = isDecoded ? width * height * 3 : 0
    }
    guard isDecoded else {
      let reason = withUnsafeBytes(of: state.message) { text($0.map(CChar.init(bitPattern:))) }
      throw reason.lowercased().contains("premature end")
        ? .truncated(reason) : .undecodable(reason)
    }
    return Decoded(
      picture: PixelBuffer(width: width, height: height, pixels: pixels), format: format,
      orientation: .topLeft, isConverted: state.icc_converted == 1,
      isFlattened: state.alpha_flattened == 1)
  }

  private static func format(of bytes: [UInt8]) throws(ImagingError) -> Format {
    if bytes.starts(with: PNGHeader.signature) { return .png }
    if bytes.starts(with: JPEGHeader.signature) { return .jpeg }
    if WebPHeader.matches(bytes) { return .webp }
    throw .unsupportedType(FileKind.of(bytes))
  }
}
