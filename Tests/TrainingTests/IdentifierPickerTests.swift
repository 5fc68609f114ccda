import Contract
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite struct IdentifierPickerTests {
  private let folder: TemporaryFolder
  private let tokenizer: CLIPTokenizer

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("base"))
    tokenizer = try CLIPTokenizer(folder: folder.file("base/tokenizer"))
  }

  @Test func `P37 the choice comes back as itself before the class noun`() throws {
    for seed in 0..<20 as Range<UInt64> {
      let choice = try #require(IdentifierPicker(tokenizer).pick(classNoun: "dog", seed: seed))
      #expect(choice.tokens == tokenizer.tokens(of: choice.text))
      #expect(tokenizer.tokens(of: "a \(choice.text) dog").count == choice.tokens.count + 2)
      #expect(["zq", "xv", "dog"].contains(choice.text))
    }
  }

  @Test func `the choice is a function of the seed`() {
    let picker = IdentifierPicker(tokenizer)
    let choices = (0..<20).map { picker.pick(classNoun: "cat", seed: $0)?.text }
    #expect(choices == (0..<20).map { picker.pick(classNoun: "cat", seed: $0)?.text })
    #expect(Set(choices).count > 1)
  }

  @Test func `a string of many tokens is no identifier`() {
    #expect(IdentifierPicker(tokenizer).check("abcdef", classNoun: "dog") == nil)
    #expect(IdentifierPicker(tokenizer).check("zq", classNoun: "dog")?.tokens.count == 1)
  }
}

@Suite struct PromptTemplatesTests {
  @Test func `placeholders are filled, and the identifier can be left out`() {
    let prompts = PromptTemplates(identifier: "zq", classNoun: "dog")
    #expect(prompts.instance == "a zq dog")
    #expect(prompts.prior == "a dog")
    #expect(prompts.filled("a {id} {class} in the {class} house") == "a zq dog in the dog house")
    #expect(prompts.withoutIdentifier("a {id} {class} on a beach") == "a dog on a beach")
  }

  @Test func `a learned word stands in the sentences of Textual Inversion`() {
    let object = PromptTemplates(identifier: "<toby>", classNoun: "dog", templates: .object)
    #expect(object.instances.count == 27 && object.instance == "a photo of a <toby>")
    #expect(object.instances.allSatisfy { $0.contains("<toby>") && !$0.contains("{") })
    let style = PromptTemplates(identifier: "<ink>", classNoun: "drawing", templates: .style)
    #expect(style.instances.count == 19)
    #expect(style.instances[0] == "a painting in the style of <ink>")
    let seen = Set((0..<200).map { object.instance(Philox(seed: 1).draw(.test, step: $0)) })
    #expect(seen.count == 27)
    #expect(object.withoutIdentifier("a photo of a {id}") == "a photo of a dog")
    #expect(object.withoutWord("a photo of a <toby>") == "a photo of a dog")
    let rare = PromptTemplates(identifier: "<toby>", classNoun: "dog")
    #expect(rare.withoutWord("a <toby> dog") == "a dog")
  }
}
