import Testing

@testable import Toybox

@Suite struct ToyGrammarTests {
  let grammar = ToyGrammar(seed: 3)

  @Test func `A picture and its caption are a function of seed and index`() {
    #expect(grammar.example(5) == ToyGrammar(seed: 3).example(5))
    #expect(grammar.example(5) != grammar.example(6))
    #expect(grammar.example(5) != ToyGrammar(seed: 4).example(5))
    #expect(
      ToyRenderer.render(grammar.example(5).photo)
        == ToyRenderer.render(ToyGrammar(seed: 3).example(5).photo))
  }

  @Test func `Captions are made of the world's words only`() {
    let words = Set(ToyCaption.words)
    for index in 0..<300 {
      let caption = grammar.example(index).caption
      for word in caption.split(separator: " ") { #expect(words.contains(String(word))) }
    }
  }

  @Test func `A caption never contradicts its picture, and one of another scene or colour does`() {
    for index in 0..<300 {
      let (named, coated) = (grammar.example(index), grammar.anyExample(index))
      #expect(ToyCaption.isTrue(named.caption, of: named.photo))
      #expect(ToyCaption.isTrue(coated.caption, of: coated.photo))
    }
    let blue = ToyPalette.named[4]
    var photo = grammar.example(0).photo
    (photo.toy, photo.scene, photo.coat) = (.dog, .snow, ToyCoat(blue.color))
    for caption in ["a dog", "a blue dog", "a photo of a blue dog in the snow"] {
      #expect(ToyCaption.isTrue(caption, of: photo))
    }
    for caption in ["a car", "a red dog", "a blue dog at night", "a blue duck in the snow"] {
      #expect(!ToyCaption.isTrue(caption, of: photo))
    }
  }

  @Test func `Colour and scene are left out of some captions`() {
    let examples = (0..<400).map { grammar.example($0) }
    let named = examples.filter { example in
      ToyPalette.named.contains { example.caption.contains($0.name) }
    }
    let placed = examples.filter { $0.photo.scene != .plain }
    let told = placed.filter { $0.caption.contains($0.photo.scene.phrase) }
    #expect((250...350).contains(named.count))
    #expect(told.count < placed.count && told.count > placed.count * 3 / 4)
  }

  @Test func `An orange toy gets the article an`() {
    #expect(
      ToyCaption.sentence(noun: "car", color: "orange", scene: .night) == "an orange car at night")
    #expect(ToyCaption.sentence(noun: "dog", color: nil, scene: .plain) == "a dog")
    #expect(
      ToyCaption.sentence(opening: "a photo of ", noun: "dog", color: "red", scene: .snow)
        == "a photo of a red dog in the snow")
  }
}
