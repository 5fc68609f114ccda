import Models
import Testing

@testable import Toybox

@Suite struct StarterTokenizerTests {
  let tokenizer = StarterTokenizer.tokenizer

  @Test func `Every word of a caption is one token`() {
    for word in ToyCaption.words { #expect(tokenizer.tokens(of: word).count == 1, "\(word)") }
    #expect(tokenizer.tokens(of: "a photo of a red dog in the snow").count == 9)
  }

  @Test func `Rare tokens are single, of three letters, and the last ones before the special ones`()
  {
    let ids = StarterTokenizer.rareWords.map { tokenizer.tokens(of: $0) }
    #expect(ids.allSatisfy { $0.count == 1 })
    #expect(StarterTokenizer.rareWords.allSatisfy { $0.count == 3 })
    let last = tokenizer.vocabulary.count - 2
    #expect(ids.flatMap(\.self).sorted() == Array(last - ids.count..<last))
    #expect(Set(ToyCaption.words).isDisjoint(with: StarterTokenizer.rareWords))
  }

  @Test func `A rare token stays one token inside a sentence`() {
    for word in StarterTokenizer.rareWords {
      let ids = tokenizer.tokens(of: "a \(word) dog")
      #expect(ids.count == 3 && ids[1] == tokenizer.tokens(of: word)[0])
    }
  }

  @Test func `Other text falls back to letters and bytes, and comes back`() {
    #expect(tokenizer.decode(tokenizer.tokens(of: "wizard é")) == "wizard é")
  }

  @Test func `A row begins, ends and is filled up to 32 tokens`() {
    let row = tokenizer.encode("a dog")
    #expect(row.count == 32 && row[0] == tokenizer.startId)
    #expect(row[3...].allSatisfy { $0 == tokenizer.endId })
  }
}
