import Testing

@testable import Toybox

@Suite struct ToyShapeTests {
  static let shapes: [ToyShape] = [
    .ellipse(at: [0.1, 0.2], radii: [0.4, 0.4]),
    .ellipse(at: [0, 0.1], radii: [0.5, 0.25], turn: 0.6),
    .ring(at: [0, 0], radii: [0.4, 0.4], width: 0.1),
    .stroke([-0.3, -0.2], [0.4, 0.3], from: 0.2, to: 0.1),
    .box(at: [0.1, 0], half: [0.4, 0.3], round: 0.1),
    .polygon([[-0.4, -0.3], [0.5, -0.2], [0.1, 0.5]], round: 0.05),
  ]

  @Test(arguments: shapes.indices)
  func `The bounds of a shape hold every point inside it`(index: Int) {
    let shape = Self.shapes[index]
    var inside = 0
    for (x, y) in Self.grid where shape.distance(to: [x, y]) < 0 {
      inside += 1
      #expect(x >= shape.bounds.low.x && x <= shape.bounds.high.x)
      #expect(y >= shape.bounds.low.y && y <= shape.bounds.high.y)
    }
    #expect(inside > 100)
  }

  @Test(arguments: shapes.indices)
  func `Crossing an outline changes the distance as fast as one walks`(index: Int) {
    let shape = Self.shapes[index]
    for (x, y) in Self.grid where abs(shape.distance(to: [x, y])) < 0.02 {
      let h: Float = 0.001
      let slope =
        ToyPoint(
          shape.distance(to: [x + h, y]) - shape.distance(to: [x - h, y]),
          shape.distance(to: [x, y + h]) - shape.distance(to: [x, y - h])) / (2 * h)
      // A stroke of changing thickness and a flat ellipse are approximations near the edge.
      #expect(abs(length(slope) - 1) < 0.3, "at \(x) \(y)")
    }
  }

  @Test func `A circle's distance is the radius away from the centre`() {
    let circle = ToyShape.circle(at: [1, 2], 0.5)
    #expect(circle.distance(to: [1, 2]) == -0.5)
    #expect(abs(circle.distance(to: [4, 6]) - 4.5) < 1e-6)
  }

  static let grid: [(Float, Float)] = (-40...40).flatMap { row in
    (-40...40).map { (Float($0) / 40, Float(row) / 40) }
  }
}
