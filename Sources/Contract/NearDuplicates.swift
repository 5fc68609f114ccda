/// Photos of a set that show nearly the same: equal up to a mirror, a shift, light and compression.
package enum NearDuplicates {
  package struct Group: Equatable, Sendable {
    /// From 1, in the order of the first member.
    package var number: Int
    package var members: [Int]

    package init(number: Int, members: [Int]) {
      self.number = number
      self.members = members
    }
  }

  /// Correlation from which two pictures count as one. Shifted, mirrored and recompressed cuts of one
  /// photograph reach 0.97; different photographs of one subject in DreamBench stay below 0.88, save one
  /// pair of the same scene.
  static let threshold: Float = 0.92

  /// - Returns: for each photo its group, or `nil` if it is like no other or has no fingerprint
  package static func groups(_ fingerprints: [ImageFingerprint?]) -> [Group?] {
    let pictures = fingerprints.map { $0.map(BandPass.init) }
    var leaders = Array(pictures.indices)
    for later in pictures.indices {
      for earlier in 0..<later where leaders[earlier] != leaders[later] {
        guard let a = pictures[earlier], let b = pictures[later], a.similarity(to: b) >= threshold
        else { continue }
        let (kept, merged) = (
          min(leaders[earlier], leaders[later]), max(leaders[earlier], leaders[later])
        )
        leaders = leaders.map { $0 == merged ? kept : $0 }
      }
    }
    let sets = Dictionary(grouping: leaders.indices) { leaders[$0] }.values
      .filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
    let groups = sets.enumerated().map { Group(number: $0 + 1, members: $1) }
    return leaders.indices.map { index in groups.first { $0.members.contains(index) } }
  }
}

/// The part of a fingerprint that tells pictures apart: neither light and large areas (all pictures of one
/// subject before one wall agree in these) nor the finest detail (lost by half a pixel of shift).
struct BandPass {
  private let fine: Plane
  private let fineMirrored: Plane
  private let coarse: Plane
  private let coarseMirrored: Plane

  init(_ fingerprint: ImageFingerprint) {
    let plane = Plane(
      side: ImageFingerprint.side, values: fingerprint.grey.map(Float.init))
    fine = plane.blurred(1).blurred(1) - plane.blurred(3).blurred(3)
    coarse = fine.halved
    fineMirrored = fine.mirrored
    coarseMirrored = coarse.mirrored
  }

  /// Largest normalised cross-correlation over shifts of up to three eighths of the side, of the picture
  /// and its mirror image; the best shift is sought at half size and refined.
  func similarity(to other: BandPass) -> Float {
    let straight = best(fine, coarse, other)
    return max(straight, best(fineMirrored, coarseMirrored, other))
  }

  private func best(_ fine: Plane, _ coarse: Plane, _ other: BandPass) -> Float {
    let reach = coarse.side * 3 / 8
    var peak = (value: -Float.infinity, x: 0, y: 0)
    for y in -reach...reach {
      for x in -reach...reach {
        let value = coarse.correlation(with: other.coarse, x: x, y: y)
        if value > peak.value { peak = (value, x, y) }
      }
    }
    var refined = -Float.infinity
    for y in 2 * peak.y - 1...2 * peak.y + 1 {
      for x in 2 * peak.x - 1...2 * peak.x + 1 {
        refined = max(refined, fine.correlation(with: other.fine, x: x, y: y))
      }
    }
    return refined
  }
}

/// A square of numbers, row by row.
private struct Plane {
  let side: Int
  let values: [Float]

  /// Mean over (2 radius + 1) squared neighbours; the border is repeated outwards.
  func blurred(_ radius: Int) -> Plane {
    blurredRows(radius).transposed.blurredRows(radius).transposed
  }

  private func blurredRows(_ radius: Int) -> Plane {
    map { x, y in
      let sum = (x - radius...x + radius).reduce(Float(0)) {
        $0 + values[y * side + min(side - 1, max(0, $1))]
      }
      return sum / Float(2 * radius + 1)
    }
  }

  private var transposed: Plane { map { x, y in values[x * side + y] } }

  var mirrored: Plane { map { x, y in values[y * side + side - 1 - x] } }

  private func map(_ value: (_ x: Int, _ y: Int) -> Float) -> Plane {
    Plane(side: side, values: (0..<side * side).map { value($0 % side, $0 / side) })
  }

  var halved: Plane {
    let half = side / 2
    return Plane(
      side: half,
      values: (0..<half * half).map { i in
        let corner = i / half * 2 * side + i % half * 2
        let sum =
          values[corner] + values[corner + 1] + values[corner + side] + values[corner + side + 1]
        return sum / 4
      })
  }

  static func - (a: Plane, b: Plane) -> Plane {
    Plane(side: a.side, values: zip(a.values, b.values).map { $0 - $1 })
  }

  /// Pearson correlation of this plane, moved by (x, y), with the other where they overlap.
  func correlation(with other: Plane, x: Int, y: Int) -> Float {
    let (columns, rows) = (side - abs(x), side - abs(y))
    var (a, b, aa, bb, ab) = (Float(0), Float(0), Float(0), Float(0), Float(0))
    for row in 0..<rows {
      let mine = (row + max(0, -y)) * side + max(0, -x)
      let theirs = (row + max(0, y)) * side + max(0, x)
      for column in 0..<columns {
        let (p, q) = (values[mine + column], other.values[theirs + column])
        a += p
        b += q
        aa += p * p
        bb += q * q
        ab += p * q
      }
    }
    let count = Float(rows * columns)
    let norm = ((aa - a * a / count) * (bb - b * b / count)).squareRoot()
    // Less than a level of contrast is no picture to compare.
    return norm > count ? (ab - a * b / count) / norm : 0
  }
}
