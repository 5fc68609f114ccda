/// The places of the world. `plain` is the one that a caption does not mention.
package enum ToyScene: String, CaseIterable, Sendable {
  case plain, snow, beach, forest, night

  /// The words of a caption; empty for `plain`.
  package var phrase: String {
    switch self {
    case .plain: ""
    case .snow: "in the snow"
    case .beach: "on the beach"
    case .forest: "in the forest"
    case .night: "at night"
    }
  }
}

/// Paints a scene without toys.
struct ToyBackground {
  let scene: ToyScene
  let side: Int

  func paint(_ dice: inout ToyDice) -> ToyCanvas {
    let horizon = dice.between(0.56, 0.66)
    switch scene {
    case .plain: return plain(&dice)
    case .snow: return snow(horizon, &dice)
    case .beach: return beach(horizon, &dice)
    case .forest: return forest(horizon, &dice)
    case .night: return night(horizon, &dice)
    }
  }

  private func plain(_ dice: inout ToyDice) -> ToyCanvas {
    let tints = [
      ToyColor(0.93, 0.90, 0.86), ToyColor(0.87, 0.91, 0.94), ToyColor(0.90, 0.93, 0.87),
      ToyColor(0.94, 0.88, 0.90),
    ]
    let tint = tints[dice.below(tints.count)]
    return ToyCanvas(side: side) { tint.lit(1.05 - 0.16 * $0) }
  }

  private func land(
    _ horizon: Float, sky: (ToyColor, ToyColor), ground: (ToyColor, ToyColor)
  ) -> ToyCanvas {
    ToyCanvas(side: side) { y in
      y < horizon
        ? sky.0.mixed(with: sky.1, y / horizon)
        : ground.0.mixed(with: ground.1, (y - horizon) / (1 - horizon))
    }
  }

  private func snow(_ horizon: Float, _ dice: inout ToyDice) -> ToyCanvas {
    let white = ToyColor(0.96, 0.97, 1)
    var canvas = land(
      horizon, sky: (ToyColor(0.60, 0.72, 0.86), ToyColor(0.80, 0.87, 0.94)),
      ground: (white, ToyColor(0.84, 0.89, 0.96)))
    canvas.fill(
      .ellipse(at: [dice.between(0.1, 0.9), horizon + 0.04], radii: [0.5, 0.11]), white)
    for x in [dice.between(0.02, 0.25), dice.between(0.75, 0.98)] {
      let (foot, tall) = (horizon + 0.06, dice.between(0.26, 0.42))
      canvas.fill(
        .polygon([[x - 0.12, foot], [x + 0.12, foot], [x, foot - tall]], round: 0.01),
        ToyColor(0.16, 0.38, 0.32))
      canvas.fill(
        .polygon(
          [[x - 0.055, foot - 0.55 * tall], [x + 0.055, foot - 0.55 * tall], [x, foot - tall]],
          round: 0.012), white)
    }
    for _ in 0..<8 {
      canvas.fill(
        .circle(at: [dice.between(0, 1), dice.between(0, 0.6)], dice.between(0.018, 0.026)),
        ToyPalette.white, opacity: 0.9)
    }
    return canvas
  }

  private func beach(_ horizon: Float, _ dice: inout ToyDice) -> ToyCanvas {
    var canvas = land(
      horizon, sky: (ToyColor(0.36, 0.70, 0.96), ToyColor(0.74, 0.90, 0.99)),
      ground: (ToyColor(0.96, 0.86, 0.62), ToyColor(0.90, 0.76, 0.48)))
    canvas.fill(
      .box(at: [0.5, horizon - 0.05], half: [0.6, 0.075], round: 0), ToyColor(0.08, 0.52, 0.72))
    canvas.fill(
      .box(at: [0.5, horizon + 0.03], half: [0.6, 0.016], round: 0), ToyColor(0.92, 0.97, 0.98))
    let sun = ToyPoint(dice.between(0.1, 0.9), dice.between(0.10, 0.2))
    canvas.fill(.circle(at: sun, 0.105), ToyColor(1, 0.90, 0.35))
    return canvas
  }

  private func forest(_ horizon: Float, _ dice: inout ToyDice) -> ToyCanvas {
    var canvas = land(
      horizon, sky: (ToyColor(0.62, 0.80, 0.62), ToyColor(0.78, 0.90, 0.70)),
      ground: (ToyColor(0.40, 0.62, 0.24), ToyColor(0.26, 0.46, 0.16)))
    for center: Float in [0.08, 0.36, 0.64, 0.92] {
      let x = center + dice.between(-0.08, 0.08)
      let top = dice.between(0.12, 0.26)
      canvas.fill(
        .box(
          at: [x, 0.5 * (top + horizon) + 0.02], half: [0.03, 0.5 * (horizon - top) + 0.02],
          round: 0),
        ToyColor(0.38, 0.26, 0.15))
      canvas.fill(
        .ellipse(at: [x, top + 0.04], radii: [0.145, 0.18]),
        ToyColor(0.12, 0.36, 0.16).lit(dice.between(0.9, 1.3)))
    }
    return canvas
  }

  private func night(_ horizon: Float, _ dice: inout ToyDice) -> ToyCanvas {
    let hill = ToyColor(0.12, 0.16, 0.30)
    var canvas = land(
      horizon, sky: (ToyColor(0.03, 0.04, 0.14), ToyColor(0.13, 0.13, 0.36)),
      ground: (ToyColor(0.15, 0.19, 0.33), ToyColor(0.09, 0.11, 0.22)))
    canvas.fill(
      .ellipse(at: [dice.between(0.1, 0.9), horizon + 0.04], radii: [0.5, 0.1]), hill)
    for _ in 0..<7 {
      canvas.fill(
        .circle(at: [dice.between(0, 1), dice.between(0, 0.5)], dice.between(0.015, 0.022)),
        ToyColor(1, 0.98, 0.85))
    }
    let moon = ToyPoint(dice.between(0.12, 0.88), dice.between(0.12, 0.2))
    canvas.fill(.circle(at: moon, 0.10), ToyColor(0.98, 0.95, 0.78))
    return canvas
  }
}
