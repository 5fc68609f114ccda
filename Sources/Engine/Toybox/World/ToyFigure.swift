/// A toy as a list of painted shapes, back to front. A figure faces right, stands on y = 1 and is about
/// two units wide and high; the renderer places it.
package struct ToyFigure: Sendable {
  package enum Paint: Sendable {
    /// The coat with its pattern, times a brightness.
    case coat(Float)
    /// The coat's base colour without pattern, times a brightness.
    case base(Float)
    case fixed(ToyColor)
  }

  package struct Part: Sendable {
    let shape: ToyShape
    let paint: Paint
  }

  var parts: [Part] = []
  /// Where a hat or a bow sits.
  var crown = ToyPoint(0, -1)
  /// Half the width of its shadow on the ground.
  var footing: Float = 0.8

  mutating func add(_ paint: Paint, _ shapes: ToyShape...) {
    parts += shapes.map { Part(shape: $0, paint: paint) }
  }

  mutating func wear(_ accessory: ToyAccessory) {
    let c = crown
    switch accessory {
    case .hat(let color):
      add(
        .fixed(color),
        .polygon([c + [-0.26, 0.06], c + [0.26, 0.06], c + [0.02, -0.52]], round: 0.05))
      add(.fixed(ToyPalette.white), .circle(at: c + [0.02, -0.56], 0.12))
    case .bow(let color):
      add(
        .fixed(color), .polygon([c, c + [-0.34, -0.22], c + [-0.34, 0.2]], round: 0.06),
        .polygon([c, c + [0.34, -0.22], c + [0.34, 0.2]], round: 0.06))
      add(.fixed(color.lit(0.7)), .circle(at: c, 0.12))
    }
  }
}

/// What a toy does: numbers in -1...1 that each class reads in its own way.
package struct ToyPose: Equatable, Sendable {
  package var reach: Float = 0
  package var nod: Float = 0
  package init(reach: Float = 0, nod: Float = 0) { (self.reach, self.nod) = (reach, nod) }
}

package enum ToyClass: String, CaseIterable, Sendable {
  case dog, car, teapot, duck, robot

  package var noun: String { rawValue }

  /// The figure in a pose, without accessory.
  package func figure(_ pose: ToyPose) -> ToyFigure {
    switch self {
    case .dog: Self.dog(pose)
    case .car: Self.car(pose)
    case .teapot: Self.teapot(pose)
    case .duck: Self.duck(pose)
    case .robot: Self.robot(pose)
    }
  }

  private static func dog(_ pose: ToyPose) -> ToyFigure {
    var f = ToyFigure()
    let step = 0.10 * pose.reach
    let head = ToyPoint(0.52, -0.34 + 0.09 * pose.nod)
    f.add(
      .base(0.85),
      .stroke([-0.62, 0.05], [-0.98, -0.42 - 0.14 * pose.reach], from: 0.11, to: 0.08))
    f.add(
      .base(0.72), .stroke([-0.36, 0.4], [-0.36 - step, 0.88], from: 0.14, to: 0.12),
      .stroke([0.28, 0.4], [0.28 + step, 0.88], from: 0.14, to: 0.12))
    f.add(.coat(1), .stroke([-0.42, 0.2], [0.3, 0.16], from: 0.38, to: 0.36))
    f.add(
      .coat(1), .stroke([-0.58, 0.4], [-0.58 + step, 0.88], from: 0.16, to: 0.12),
      .stroke([0.46, 0.4], [0.46 - step, 0.88], from: 0.15, to: 0.12))
    f.add(.coat(1.04), .circle(at: head, 0.37))
    f.add(
      .fixed(ToyPalette.white),
      .stroke(head + [0.24, 0.13], head + [0.42, 0.15], from: 0.19, to: 0.16))
    f.add(.fixed(ToyPalette.black), .circle(at: head + [0.57, 0.07], 0.10))
    f.add(.fixed(ToyPalette.black), .circle(at: head + [0.16, -0.10], 0.075))
    f.add(.base(0.66), .ellipse(at: head + [-0.22, 0.08], radii: [0.15, 0.33], turn: 0.25))
    f.crown = head + [-0.02, -0.36]
    return f
  }

  private static func car(_ pose: ToyPose) -> ToyFigure {
    var f = ToyFigure()
    let roof = -0.38 + 0.08 * pose.nod
    let back = -0.62 + 0.10 * pose.reach
    f.add(
      .coat(0.96),
      .polygon([[back, 0.22], [back + 0.2, roof], [0.26, roof], [0.62, 0.22]], round: 0.08))
    f.add(
      .fixed(ToyPalette.glass),
      .polygon(
        [[back + 0.14, 0.12], [back + 0.27, roof + 0.1], [-0.1, roof + 0.1], [-0.1, 0.12]],
        round: 0.03),
      .polygon(
        [[0.08, 0.12], [0.08, roof + 0.1], [0.22, roof + 0.1], [0.46, 0.12]], round: 0.03))
    f.add(.coat(1), .box(at: [0, 0.42], half: [1.04, 0.30], round: 0.16))
    f.add(.fixed(ToyPalette.gold), .circle(at: [0.94, 0.34], 0.10))
    f.add(.fixed(ToyPalette.steel), .box(at: [0, 0.68], half: [1.0, 0.06], round: 0.05))
    for x: Float in [-0.56, 0.56] {
      f.add(.fixed(ToyPalette.tyre), .circle(at: [x, 0.72], 0.28))
      f.add(.fixed(ToyPalette.steel), .circle(at: [x, 0.72], 0.13))
    }
    f.crown = [-0.1, roof - 0.08]
    f.footing = 1
    return f
  }

  private static func teapot(_ pose: ToyPose) -> ToyFigure {
    var f = ToyFigure()
    let lid = 0.07 * pose.nod
    let tip = ToyPoint(1.0, -0.18 + 0.12 * pose.reach)
    f.add(.base(0.8), .ring(at: [-0.68, 0.28], radii: [0.32, 0.34], width: 0.09))
    f.add(.base(0.92), .stroke([0.46, 0.5], tip, from: 0.22, to: 0.11))
    f.add(.base(0.7), .box(at: [0, 0.92], half: [0.40, 0.09], round: 0.06))
    f.add(.coat(1), .ellipse(at: [0, 0.36], radii: [0.70, 0.58]))
    f.add(.base(0.74), .ellipse(at: [0, -0.18 - lid], radii: [0.40, 0.13]))
    f.add(.base(1.05), .circle(at: [0, -0.38 - lid], 0.14))
    f.add(
      .fixed(ToyPalette.white), .ellipse(at: [0.3, 0.12], radii: [0.08, 0.15], turn: -0.6))
    f.crown = [0, -0.42 - lid]
    f.footing = 0.6
    return f
  }

  private static func duck(_ pose: ToyPose) -> ToyFigure {
    var f = ToyFigure()
    let head = ToyPoint(0.38, -0.36 + 0.10 * pose.nod)
    let orange = ToyColor(0.96, 0.50, 0.08)
    f.add(
      .base(0.9),
      .polygon([[-0.55, 0.3], [-1.02, -0.02 - 0.08 * pose.reach], [-0.7, 0.62]], round: 0.08))
    f.add(.coat(1), .ellipse(at: [-0.06, 0.5], radii: [0.82, 0.47]))
    f.add(.coat(1), .stroke([0.28, 0.3], head, from: 0.34, to: 0.28))
    f.add(.coat(1.04), .circle(at: head, 0.38))
    f.add(
      .base(0.76), .ellipse(at: [-0.2, 0.46], radii: [0.38, 0.22], turn: 0.25 + 0.3 * pose.reach))
    f.add(.fixed(orange), .stroke(head + [0.36, 0.08], head + [0.58, 0.08], from: 0.13, to: 0.10))
    f.add(.fixed(ToyPalette.white), .circle(at: head + [0.14, -0.1], 0.12))
    f.add(.fixed(ToyPalette.black), .circle(at: head + [0.17, -0.1], 0.075))
    f.crown = head + [-0.04, -0.36]
    f.footing = 0.75
    return f
  }

  private static func robot(_ pose: ToyPose) -> ToyFigure {
    var f = ToyFigure()
    let lift = 0.28 * pose.reach
    let tilt = 0.08 * pose.nod
    f.add(.fixed(ToyPalette.steel), .stroke([tilt, -0.7], [tilt, -1.0], from: 0.05, to: 0.05))
    f.add(.fixed(ToyPalette.gold), .circle(at: [tilt, -1.02], 0.11))
    f.add(
      .base(0.72), .stroke([-0.5, 0.1], [-0.86, 0.3 - lift], from: 0.11, to: 0.11),
      .stroke([0.5, 0.1], [0.86, 0.3 + lift], from: 0.11, to: 0.11))
    f.add(
      .fixed(ToyPalette.steel), .circle(at: [-0.88, 0.32 - lift], 0.14),
      .circle(at: [0.88, 0.32 + lift], 0.14))
    f.add(
      .base(0.7), .box(at: [-0.25, 0.78], half: [0.14, 0.2], round: 0.05),
      .box(at: [0.25, 0.78], half: [0.14, 0.2], round: 0.05))
    f.add(
      .fixed(ToyPalette.tyre), .box(at: [-0.28, 0.95], half: [0.2, 0.08], round: 0.05),
      .box(at: [0.28, 0.95], half: [0.2, 0.08], round: 0.05))
    f.add(.coat(1), .box(at: [0, 0.28], half: [0.52, 0.42], round: 0.1))
    f.add(.coat(1.04), .box(at: [tilt, -0.43], half: [0.44, 0.30], round: 0.12))
    f.add(
      .fixed(ToyPalette.white), .circle(at: [tilt - 0.17, -0.46], 0.13),
      .circle(at: [tilt + 0.2, -0.46], 0.13))
    f.add(
      .fixed(ToyPalette.black), .circle(at: [tilt - 0.14, -0.46], 0.07),
      .circle(at: [tilt + 0.23, -0.46], 0.07))
    f.crown = [tilt, -0.74]
    f.footing = 0.6
    return f
  }
}
