import Contract
import Foundation

/// Finds photos of a set that show nearly the same: equal up to a mirror and a small shift.
enum NearDuplicates {
  struct Group: Equatable {
    /// From 1, in the order of the first member.
    var number: Int
    var members: [Int]
  }

  /// Photos from this similarity on are the same view; measured on the subjects of DreamBench.
  static let threshold: Float = 0.9
  /// Shifts tried, in pixels of the fingerprint.
  static let reach = 6

  /// - Returns: for each photo its group, or `nil` if it has no near-duplicate.
  static func groups(_ fingerprints: [ImageFingerprint?]) -> [Group?] {
    var leader = Array(fingerprints.indices)
    for (a, first) in fingerprints.enumerated() {
      for b in fingerprints.indices.dropFirst(a + 1) {
        guard let first, let second = fingerprints[b],
          similarity(first, second) >= threshold
        else { continue }
        let (low, high) = (min(leader[a], leader[b]), max(leader[a], leader[b]))
        for index in leader.indices where leader[index] == high { leader[index] = low }
      }
    }
    var result = [Group?](repeating: nil, count: leader.count)
    var number = 0
    for first in leader.indices where leader[first] == first {
      let members = leader.indices.filter { leader[$0] == first }
      guard members.count > 1 else { continue }
      number += 1
      for member in members { result[member] = Group(number: number, members: members) }
    }
    return result
  }

  /// Best correlation of the overlapping parts over mirror and shifts, -1...1.
  static func similarity(_ a: ImageFingerprint, _ b: ImageFingerprint) -> Float {
    let side = ImageFingerprint.side
    guard a.grey.count == side * side, b.grey.count == side * side else { return -1 }
    let first = a.grey.map(Float.init)
    let second = b.grey.map(Float.init)
    let mirrored = (0..<side * side).map { second[$0 / side * side + (side - 1 - $0 % side)] }
    var best: Float = -1
    for candidate in [second, mirrored] {
      for dy in -reach...reach {
        for dx in -reach...reach {
          best = max(best, correlation(first, candidate, dx: dx, dy: dy, side: side))
        }
      }
    }
    return best
  }

  /// Pearson correlation of `a[y, x]` and `b[y + dy, x + dx]` where both exist; 0 for flat pictures.
  private static func correlation(
    _ a: [Float], _ b: [Float], dx: Int, dy: Int, side: Int
  ) -> Float {
    var (n, sumA, sumB, sumAA, sumBB, sumAB) = (Float(0), Float(0), Float(0), Float(0), Float(0), Float(0))
    for y in max(0, -dy)..<min(side, side - dy) {
      for x in max(0, -dx)..<min(side, side - dx) {
        let (p, q) = (a[y * side + x], b[(y + dy) * side + x + dx])
        n += 1
        sumA += p
        sumB += q
        sumAA += p * p
        sumBB += q * q
        sumAB += p * q
      }
    }
    let (varianceA, varianceB) = (sumAA - sumA * sumA / n, sumBB - sumB * sumB / n)
    guard varianceA > n, varianceB > n else { return 0 }
    return (sumAB - sumA * sumB / n) / (varianceA * varianceB).squareRoot()
  }
}
