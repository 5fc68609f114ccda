import Foundation

/// A point of a figure or a picture; x to the right, y down.
package typealias ToyPoint = SIMD2<Float>

/// Outlines as signed distances: negative inside. They are exact or close to exact near the edge,
/// which is all that anti-aliasing needs. Formulas: the 2D distance functions of Inigo Quilez.
package enum ToyShape: Sendable {
  case ellipse(at: ToyPoint, radii: ToyPoint, turn: Float = 0)
  /// The outline of an ellipse, `width` to both sides.
  case ring(at: ToyPoint, radii: ToyPoint, width: Float)
  /// A stroke with round ends, thick `from` at one end and `to` at the other.
  case stroke(ToyPoint, ToyPoint, from: Float, to: Float)
  case box(at: ToyPoint, half: ToyPoint, round: Float)
  case polygon([ToyPoint], round: Float)

  static func circle(at center: ToyPoint, _ radius: Float) -> ToyShape {
    .ellipse(at: center, radii: ToyPoint(radius, radius))
  }

  /// Signed distance of `p` to the outline, in the units of the figure.
  func distance(to p: ToyPoint) -> Float {
    switch self {
    case .ellipse(let center, let radii, let turn):
      return Self.ellipse(turned(p - center, by: -turn), radii)
    case .ring(let center, let radii, let width):
      return abs(Self.ellipse(p - center, radii)) - width
    case .stroke(let a, let b, let from, let to):
      let (pa, ba) = (p - a, b - a)
      let h = min(max(dot(pa, ba) / dot(ba, ba), 0), 1)
      return length(pa - ba * h) - (from + (to - from) * h)
    case .box(let center, let half, let round):
      let d = p - center
      let q = ToyPoint(abs(d.x), abs(d.y)) - half + round
      let outside = length(ToyPoint(max(q.x, 0), max(q.y, 0)))
      return outside + min(max(q.x, q.y), 0) - round
    case .polygon(let corners, let round):
      return Self.polygon(p, corners) - round
    }
  }

  /// A rectangle that holds the whole shape: (lowest, highest) corner.
  var bounds: (low: ToyPoint, high: ToyPoint) {
    switch self {
    case .ellipse(let center, let radii, let turn):
      let r = turn == 0 ? radii : ToyPoint(repeating: max(radii.x, radii.y))
      return (center - r, center + r)
    case .ring(let center, let radii, let width):
      return (center - radii - width, center + radii + width)
    case .stroke(let a, let b, let from, let to):
      let r = max(from, to)
      return (pointwiseMin(a, b) - r, pointwiseMax(a, b) + r)
    case .box(let center, let half, _):
      return (center - half, center + half)
    case .polygon(let corners, let round):
      let first = corners.first ?? .zero
      return (
        corners.reduce(first) { pointwiseMin($0, $1) } - round,
        corners.reduce(first) { pointwiseMax($0, $1) } + round
      )
    }
  }

  private static func ellipse(_ p: ToyPoint, _ radii: ToyPoint) -> Float {
    if radii.x == radii.y { return length(p) - radii.x }
    let scaled = length(p / radii)
    let slope = length(p / (radii * radii))
    return slope == 0 ? -min(radii.x, radii.y) : scaled * (scaled - 1) / slope
  }

  private static func polygon(_ p: ToyPoint, _ corners: [ToyPoint]) -> Float {
    guard var previous = corners.last else { return .infinity }
    var nearest = Float.infinity
    var inside = false
    for corner in corners {
      let (e, w) = (previous - corner, p - corner)
      let b = w - e * min(max(dot(w, e) / dot(e, e), 0), 1)
      nearest = min(nearest, dot(b, b))
      let crosses = (corner.y > p.y) != (previous.y > p.y)
      if crosses, p.x < e.x * (p.y - corner.y) / e.y + corner.x { inside.toggle() }
      previous = corner
    }
    return inside ? -nearest.squareRoot() : nearest.squareRoot()
  }
}

func dot(_ a: ToyPoint, _ b: ToyPoint) -> Float { (a * b).sum() }
func length(_ a: ToyPoint) -> Float { dot(a, a).squareRoot() }
func turned(_ p: ToyPoint, by angle: Float) -> ToyPoint {
  let (c, s) = (cos(angle), sin(angle))
  return ToyPoint(c * p.x - s * p.y, s * p.x + c * p.y)
}
