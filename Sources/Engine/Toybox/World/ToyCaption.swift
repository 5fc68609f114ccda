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

  /// Whether a caption of this world says nothing that the photo does not show.
  static func isTrue(_ caption: String, of photo: ToyPhoto) -> Bool {
    let words = Set(caption.split(separator: " ").map(String.init))
    let places = ToyScene.allCases.filter { !$0.phrase.isEmpty && caption.hasSuffix($0.phrase) }
    let colors = ToyPalette.named.filter { words.contains($0.name) }
    return words.contains(photo.toy.noun) && places.allSatisfy { $0 == photo.scene }
      && colors.allSatisfy { ToyCoat($0.color) == photo.coat }
  }

  /// Every word that a caption can hold, sorted: what the starter's tokenizer knows whole.
  package static var words: [String] {
    let sentences =
      openings + ["a an"] + ToyPalette.named.map(\.name) + ToyClass.allCases.map(\.noun)
      + ToyScene.allCases.map(\.phrase)
    return Set(sentences.flatMap { $0.split(separator: " ").map(String.init) }).sorted()
  }
}
