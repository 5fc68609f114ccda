package import Foundation

/// A picture small enough to travel in a line of JSON: the grey centre square, box-filtered to
/// `side x side` levels, row by row from the top left. Fingerprints of a set tell its near-duplicates.
package struct ImageFingerprint: Codable, Equatable, Sendable {
  package static let side = 64
  /// Correlation from which two pictures count as one. Shifted, mirrored and recompressed cuts of one
  /// photograph reach 0.97; different photographs of one subject in DreamBench stay below 0.88, save one
  /// pair of the same scene.
  static let threshold: Float = 0.92
  /// Largest shift in either direction, as a part of the side.
  static let reach = side * 3 / 8

  package var grey: Data

  package init(grey: Data) { self.grey = grey }

  /// For each fingerprint the number of its group of near-duplicates, from 0 in order of appearance;
  /// `nil` if it is like no other.
  package static func groups(_ fingerprints: [ImageFingerprint]) -> [Int?] {
    let pictures = fingerprints.map { BandPass($0) }
    var leaders = Array(pictures.indices)
    for later in pictures.indices {
      for earlier in 0..<later where leaders[earlier] == earlier || leaders[later] == later {
        guard pictures[earlier].similarity(to: pictures[later]) >= threshold else { continue }
        let (kept, merged) = (leaders[earlier], leaders[later])
        for i in leaders.indices where leaders[i] == merged { leaders[i] = min(kept, merged) }
        for i in leaders.indices where leaders[i] == kept { leaders[i] = min(kept, merged) }
      }
    }
    let shared = Set(leaders.filter { leader in leaders.count { $0 == leader } > 1 }).sorted()
    return leaders.map { leader in shared.firstIndex(of: leader) }
  }
}
