/// An sRGB colour; components in 0...1.
package struct ToyColor: Equatable, Sendable {
  package var red: Float
  package var green: Float
  package var blue: Float

  package init(_ red: Float, _ green: Float, _ blue: Float) {
    (self.red, self.green, self.blue) = (red, green, blue)
  }

  /// `self * (1 - amount) + other * amount`
  package func mixed(with other: ToyColor, _ amount: Float) -> ToyColor {
    ToyColor(
      red + (other.red - red) * amount, green + (other.green - green) * amount,
      blue + (other.blue - blue) * amount)
  }

  /// Brighter above 1, darker below; clipped to 0...1.
  package func lit(_ factor: Float) -> ToyColor {
    ToyColor(min(1, red * factor), min(1, green * factor), min(1, blue * factor))
  }
}

/// The colours of the world. Captions name the six of `named`; `unnamed` never occur in pretraining
/// captions and belong to the subjects that a model is later taught.
package enum ToyPalette {
  package static let named: [(name: String, color: ToyColor)] = [
    ("red", ToyColor(0.86, 0.16, 0.14)),
    ("orange", ToyColor(0.97, 0.55, 0.10)),
    ("yellow", ToyColor(0.98, 0.84, 0.17)),
    ("green", ToyColor(0.22, 0.66, 0.25)),
    ("blue", ToyColor(0.16, 0.40, 0.88)),
    ("purple", ToyColor(0.55, 0.24, 0.72)),
  ]

  package static let unnamed: [(name: String, color: ToyColor)] = [
    ("teal", ToyColor(0.05, 0.62, 0.62)),
    ("pink", ToyColor(0.98, 0.52, 0.72)),
    ("brown", ToyColor(0.50, 0.30, 0.16)),
    ("cream", ToyColor(0.98, 0.93, 0.80)),
    ("charcoal", ToyColor(0.18, 0.18, 0.22)),
    ("lime", ToyColor(0.66, 0.88, 0.22)),
  ]

  /// The word for a colour of a coat.
  static func name(of color: ToyColor) -> String {
    (named + unnamed).first { $0.color == color }?.name ?? "white"
  }

  package static let white = ToyColor(0.98, 0.98, 0.97)
  package static let black = ToyColor(0.10, 0.09, 0.11)
  package static let glass = ToyColor(0.74, 0.89, 0.97)
  package static let steel = ToyColor(0.72, 0.74, 0.78)
  package static let gold = ToyColor(0.98, 0.76, 0.18)
  package static let tyre = ToyColor(0.17, 0.17, 0.19)
}
