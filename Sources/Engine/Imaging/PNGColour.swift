import CCodecs

/// The colour space that a PNG states by numbers: cICP, or gAMA and cHRM (W3C PNG, third edition, 4.3 and 11.3.2). What
/// counts is the first of cICP, iCCP, sRGB, and gAMA with cHRM.
struct PNGColour: Equatable {
  /// Chromaticities x, y of white, red, green and blue.
  var primaries: [Double]
  /// How samples from 0 to 1 become light.
  var transfer: Transfer

  enum Transfer: Equatable {
    case sRGB
    /// The inverse of the camera curve of Rec. ITU-R BT.709.
    case bt709
    case gamma(Double)
  }

  static let sRGB = PNGColour(
    primaries: [0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06], transfer: .sRGB)

  /// - Parameter chunks: payloads by name, of the chunks before the pixels
  /// - Returns: `nil` where the samples are sRGB already, or an ICC profile says what they are
  /// - Throws: `.unsupportedColour`, naming what cannot be converted
  static func read(_ chunks: [String: [UInt8]]) throws(ImagingError) -> PNGColour? {
    if let codes = chunks["cICP"] { return try coded(codes).ifNotSRGB }
    if chunks["iCCP"] != nil || chunks["sRGB"] != nil { return nil }
    var colour = sRGB
    if let gamma = chunks["gAMA"]?.bigEndian(0, 4), gamma > 0 {
      // 45455 is what sRGB itself writes for programs that know no better.
      if abs(gamma - 45_455) > 500 { colour.transfer = .gamma(100_000 / Double(gamma)) }
    }
    if let payload = chunks["cHRM"] {
      let numbers = (0..<8).compactMap { payload.bigEndian(4 * $0, 4) }.map {
        Double($0) / 100_000
      }
      // Chromaticities of no light at all are left out, as a damaged profile is.
      if numbers.count == 8, isTriangle(numbers) { colour.primaries = numbers }
    }
    return colour.ifNotSRGB
  }

  private var ifNotSRGB: PNGColour? {
    let differs = zip(primaries, Self.sRGB.primaries).contains { abs($0 - $1) > 0.001 }
    return differs || transfer != .sRGB ? self : nil
  }

  private static func isTriangle(_ points: [Double]) -> Bool {
    let (red, green, blue) = (points[2...3], points[4...5], points[6...7])
    func x(_ point: ArraySlice<Double>) -> Double { point[point.startIndex] }
    func y(_ point: ArraySlice<Double>) -> Double { point[point.startIndex + 1] }
    let area =
      (x(green) - x(red)) * (y(blue) - y(red)) - (x(blue) - x(red)) * (y(green) - y(red))
    return abs(area) > 0.001 && points[1] > 0.01 && [red, green, blue].allSatisfy { y($0) >= 0 }
  }

  /// Rec. ITU-T H.273: primaries, transfer, matrix, full range.
  private static func coded(_ codes: [UInt8]) throws(ImagingError) -> PNGColour {
    guard codes.count == 4, codes[2] == 0 else {
      throw .undecodable("its colour chunk (cICP) must have four numbers, the third of them 0")
    }
    guard codes[3] == 1 else {
      throw .unsupportedColour("samples of narrow range (cICP)")
    }
    let d65 = [0.3127, 0.3290]
    let primaries: [UInt8: [Double]] = [
      1: d65 + [0.64, 0.33, 0.30, 0.60, 0.15, 0.06],
      4: [0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08],
      5: d65 + [0.64, 0.33, 0.29, 0.60, 0.15, 0.06],
      6: d65 + [0.630, 0.340, 0.310, 0.595, 0.155, 0.070],
      7: d65 + [0.630, 0.340, 0.310, 0.595, 0.155, 0.070],
      9: d65 + [0.708, 0.292, 0.170, 0.797, 0.131, 0.046],
      11: [0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060],
      12: d65 + [0.680, 0.320, 0.265, 0.690, 0.150, 0.060],
      22: d65 + [0.630, 0.340, 0.295, 0.605, 0.155, 0.077],
    ]
    let transfers: [UInt8: Transfer] = [
      1: .bt709, 4: .gamma(2.2), 5: .gamma(2.8), 6: .bt709, 8: .gamma(1), 13: .sRGB, 14: .bt709,
      15: .bt709,
    ]
    // 2 is "unspecified".
    guard let points = primaries[codes[0] == 2 ? 1 : codes[0]] else {
      throw .unsupportedColour("colour primaries number \(codes[0]) (cICP)")
    }
    guard let transfer = transfers[codes[1] == 2 ? 13 : codes[1]] else {
      let names: [UInt8: String] = [16: "PQ, high dynamic range", 18: "HLG, high dynamic range"]
      throw .unsupportedColour(
        "transfer characteristics \(names[codes[1]] ?? "number \(codes[1])") (cICP)")
    }
    return PNGColour(primaries: points, transfer: transfer)
  }

  /// What the decoder's C half takes.
  var stated: codec_colour {
    var colour = codec_colour()
    colour.given = 1
    withUnsafeMutableBytes(of: &colour.primaries) { bytes in
      bytes.withMemoryRebound(to: Double.self) { $0.update(fromContentsOf: primaries) }
    }
    switch transfer {
    case .sRGB: colour.transfer = Int32(CODEC_SRGB)
    case .bt709: colour.transfer = Int32(CODEC_BT709)
    case .gamma(let exponent):
      colour.transfer = Int32(CODEC_GAMMA)
      colour.gamma = exponent
    }
    return colour
  }
}

extension UnsafeMutableBufferPointer {
  fileprivate func update(fromContentsOf values: [Element]) {
    for (index, value) in values.prefix(count).enumerated() { self[index] = value }
  }
}
