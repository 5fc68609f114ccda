package import Foundation

/// A picture small enough to travel in a line of JSON: the grey centre square, box-filtered to
/// `side x side` levels, row by row from the top left. Fingerprints of a set tell its near-duplicates.
package struct ImageFingerprint: Codable, Equatable, Sendable {
  package static let side = 64

  /// Levels, `[side, side]`.
  package let grey: Data

  package init(grey: Data) {
    precondition(grey.count == Self.side * Self.side, "ImageFingerprint: \(grey.count) levels")
    self.grey = grey
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    grey = try values.decode(Data.self, forKey: .grey)
    guard grey.count == Self.side * Self.side else {
      throw DecodingError.dataCorruptedError(
        forKey: .grey, in: values,
        debugDescription: "\(grey.count) levels, expected \(Self.side * Self.side)")
    }
  }
}
