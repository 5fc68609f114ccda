/// An individual: one toy of a class with colours, a pattern and an accessory of its own, which no
/// pretraining caption describes. This is what a model is taught from a few photos.
package struct ToySubject: Equatable, Sendable {
  package let seed: UInt64
  package let toy: ToyClass
  package let coat: ToyCoat

  /// - Parameter toy: the class; drawn from the seed when nil
  package init(seed: UInt64, toy: ToyClass? = nil) {
    var dice = ToyDice(seed: seed, index: Self.firstIndex)
    let drawn = ToyClass.allCases[dice.below(ToyClass.allCases.count)]
    self.seed = seed
    self.toy = toy ?? drawn
    coat = Self.coat(&dice)
  }

  /// Photo `index` of the subject: every photo has another pose, and the scenes take turns.
  package func photo(_ index: Int) -> ToyPhoto {
    var dice = ToyDice(seed: seed, index: Self.firstIndex + 1 + index)
    let scenes = ToyScene.allCases
    return ToyGrammar.photo(
      of: toy, coat: coat, scene: scenes[index % scenes.count], &dice)
  }

  /// Far from the indices of the world's pictures, so that a subject repeats none of their draws.
  private static let firstIndex = 1 << 30

  /// Two contrasting colours from outside the captions, in a pattern, and an accessory in a third.
  private static func coat(_ dice: inout ToyDice) -> ToyCoat {
    let dark = ["teal", "brown", "charcoal"].compactMap(ToyPalette.unnamed(named:))
    let light = ["pink", "cream", "lime"].compactMap(ToyPalette.unnamed(named:))
    let (a, b) = (dark[dice.below(3)], light[dice.below(3)])
    let (base, mark) = dice.below(2) == 0 ? (a, b) : (b, a)
    let pattern: ToyPattern =
      switch dice.below(3) {
      case 0: .stripes(width: dice.between(0.22, 0.3))
      case 1: .spots(spacing: dice.between(0.4, 0.5))
      default: .patch(edge: dice.between(-0.1, 0.1))
      }
    let third = ToyPalette.named[dice.below(ToyPalette.named.count)].color
    return ToyCoat(
      base, mark: mark, pattern: pattern, accessory: dice.below(2) == 0 ? .hat(third) : .bow(third))
  }
}

extension ToyPalette {
  static func unnamed(named name: String) -> ToyColor? {
    unnamed.first { $0.name == name }?.color
  }
}
