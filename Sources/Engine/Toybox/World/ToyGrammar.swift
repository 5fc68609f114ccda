/// One picture with its words.
package struct ToyExample: Equatable, Sendable {
  package let photo: ToyPhoto
  package let caption: String
}

/// The distribution that the starter model learns: picture `index` of a world is a function of
/// (seed, index) alone.
package struct ToyGrammar: Sendable {
  package let seed: UInt64

  package init(seed: UInt64) { self.seed = seed }

  /// A toy in one of the six named colours, with a caption that may leave words out.
  package func example(_ index: Int) -> ToyExample {
    var dice = ToyDice(seed: seed, index: index)
    let toy = ToyClass.allCases[dice.below(ToyClass.allCases.count)]
    let color = ToyPalette.named[dice.below(ToyPalette.named.count)]
    let scene = ToyScene.allCases[dice.below(ToyScene.allCases.count)]
    let caption = ToyCaption.draw(noun: toy.noun, color: color.name, scene: scene, &dice)
    let photo = Self.photo(of: toy, coat: ToyCoat(color.color), scene: scene, &dice)
    return ToyExample(photo: photo, caption: caption)
  }

  /// A toy in any colours, patterns and accessories: what the autoencoder and the picture encoder must
  /// be able to see. Two captions in three describe its coat, the others say nothing of it; the denoiser
  /// reads none of them.
  package func anyExample(_ index: Int) -> ToyExample {
    var dice = ToyDice(seed: seed, index: index)
    let toy = ToyClass.allCases[dice.below(ToyClass.allCases.count)]
    let scene = ToyScene.allCases[dice.below(ToyScene.allCases.count)]
    let photo = Self.photo(of: toy, coat: Self.anyCoat(&dice), scene: scene, &dice)
    let caption =
      index % 3 == 0
      ? ToyCaption.sentence(noun: toy.noun, color: nil, scene: scene)
      : ToyCaption.description(of: photo)
    return ToyExample(photo: photo, caption: caption)
  }

  /// A coat from the whole palette.
  static func anyCoat(_ dice: inout ToyDice) -> ToyCoat {
    let colors = (ToyPalette.named + ToyPalette.unnamed).map(\.color) + [ToyPalette.white]
    let (base, mark) = (colors[dice.below(colors.count)], colors[dice.below(colors.count)])
    let third = colors[dice.below(colors.count)]
    let pattern: ToyPattern =
      switch dice.below(4) {
      case 0: .plain
      case 1: .stripes(width: dice.between(0.2, 0.3))
      case 2: .spots(spacing: dice.between(0.38, 0.5))
      default: .patch(edge: dice.between(-0.2, 0.2))
      }
    let accessory: ToyAccessory? =
      switch dice.below(4) {
      case 0: .hat(third)
      case 1: .bow(third)
      default: nil
      }
    return ToyCoat(base, mark: mark, pattern: pattern, accessory: accessory)
  }

  /// A pose and a place for a toy.
  static func photo(
    of toy: ToyClass, coat: ToyCoat, scene: ToyScene, _ dice: inout ToyDice
  ) -> ToyPhoto {
    let scale = dice.between(0.30, 0.38)
    let ground = dice.between(0.84, 0.92)
    let placement = ToyPlacement(
      origin: ToyPoint(dice.between(0.42, 0.58), ground - scale), scale: scale,
      turn: dice.between(-0.07, 0.07), isMirrored: dice.below(2) == 1)
    let pose = ToyPose(reach: dice.between(-1, 1), nod: dice.between(-1, 1))
    return ToyPhoto(
      toy: toy, coat: coat, scene: scene, pose: pose, placement: placement, backdrop: dice)
  }
}
