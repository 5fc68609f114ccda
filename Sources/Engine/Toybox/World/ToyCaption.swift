/// The sentences of the world: "a red dog in the snow", with or without each of its words.
package enum ToyCaption {
  package static let openings = ["", "a photo of ", "a picture of "]

  /// - Parameters:
  ///   - color: left out of the caption once in four
  ///   - scene: left out once in eight; `plain` is never mentioned
  static func draw(
    noun: String, color: String, scene: ToyScene, _ dice: inout ToyDice
  ) -> String {
    let opening = openings[[0, 0, 1, 2][dice.below(4)]]
    let namesColor = dice.below(4) > 0
    let namesScene = dice.below(8) > 0 && scene != .plain
    return sentence(
      opening: opening, noun: noun, color: namesColor ? color : nil,
      scene: namesScene ? scene : .plain)
  }

  package static func sentence(
    opening: String = "", noun: String, color: String?, scene: ToyScene
  ) -> String {
    let thing = [color, noun].compactMap { $0 }.joined(separator: " ")
    let article = thing.first.map { "aeiou".contains($0) } == true ? "an" : "a"
    let place = scene.phrase.isEmpty ? "" : " \(scene.phrase)"
    return "\(opening)\(article) \(thing)\(place)"
  }

  /// "a teal pink striped dog in a hat at night": everything about a photo that has words. Most of them
  /// are not among `words`, so a tokenizer spells them.
  static func description(of photo: ToyPhoto) -> String {
    let coat = photo.coat
    let pattern: [String] =
      switch coat.pattern {
      case .plain: []
      case .stripes: [ToyPalette.name(of: coat.mark), "striped"]
      case .spots: [ToyPalette.name(of: coat.mark), "spotted"]
      case .patch: [ToyPalette.name(of: coat.mark), "patched"]
      }
    let accessory: [String] =
      switch coat.accessory {
      case .hat: ["in a hat"]
      case .bow: ["in a bow"]
      case nil: []
      }
    let words = ["a", ToyPalette.name(of: coat.base)] + pattern + [photo.toy.noun] + accessory
    return (words + [photo.scene.phrase]).filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// Whether class, place and named colours of a caption are those of the photo.
  static func isTrue(_ caption: String, of photo: ToyPhoto) -> Bool {
    let words = Set(caption.split(separator: " ").map(String.init))
    let places = ToyScene.allCases.filter { !$0.phrase.isEmpty && caption.hasSuffix($0.phrase) }
    let colors = ToyPalette.named.filter { words.contains($0.name) }
    return words.contains(photo.toy.noun) && places.allSatisfy { $0 == photo.scene }
      && colors.allSatisfy { [photo.coat.base, photo.coat.mark].contains($0.color) }
  }

  /// Every word that a caption can hold, sorted: what the starter's tokenizer knows whole.
  package static var words: [String] {
    let sentences =
      openings + ["a an"] + ToyPalette.named.map(\.name) + ToyClass.allCases.map(\.noun)
      + ToyScene.allCases.map(\.phrase)
    return Set(sentences.flatMap { $0.split(separator: " ").map(String.init) }).sorted()
  }
}
