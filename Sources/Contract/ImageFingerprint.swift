package import Foundation

/// A picture small enough to travel in a line of JSON: the grey centre square, box-filtered to
/// `side x side` levels, row by row from the top left. Fingerprints of a set tell its near-duplicates.
package struct ImageFingerprint: Codable, Equatable, Sendable {
  package static let side = 64

  package var grey: Data

  package init(grey: Data) { self.grey = grey }
}
