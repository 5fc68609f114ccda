package import Models
import Tensors

/// Picks the rare token [V] of "a [V] [class]" (DreamBooth, 2208.12242, section 3.2).
///
/// Ids of a CLIP tokenizer are in merge order: higher is rarer. Candidates are whole-word tokens of two or
/// three letters from the rarest sixteenth of the vocabulary which come back as exactly themselves *in context*.
/// Failing those (a small vocabulary), strings of three consonants that make at most three tokens.
package struct IdentifierPicker {
  package struct Choice: Equatable, Sendable {
    package var text: String
    package var tokens: [Int]
    package init(text: String, tokens: [Int]) { (self.text, self.tokens) = (text, tokens) }
  }

  private let tokenizer: CLIPTokenizer

  package init(_ tokenizer: CLIPTokenizer) { self.tokenizer = tokenizer }

  /// Short tokens that mean something in spite of their rank (public reports on base models).
  private static let meaningful: Set<String> = ["sks", "dbz", "gun", "kkk", "xxx"]

  package func pick(classNoun: String, seed: UInt64) -> Choice? {
    let draw = Philox(seed: seed).draw(.identifierChoice)
    for pool in [rareWords, consonants] {
      for i in draw.permutation(count: pool.count) {
        if let choice = check(pool[i], classNoun: classNoun) { return choice }
      }
    }
    return nil
  }

  /// The tokens of `text` between "a" and the class noun, if they are the same there as alone, at most
  /// three, and read as the text again.
  package func check(_ text: String, classNoun: String) -> Choice? {
    let tokens = tokenizer.tokens(of: text)
    guard text != classNoun, (1...3).contains(tokens.count),
      tokenizer.tokens(of: "a \(text) \(classNoun)")
        == tokenizer.tokens(of: "a") + tokens + tokenizer.tokens(of: classNoun),
      tokenizer.decode(tokens) == text
    else { return nil }
    return Choice(text: text, tokens: tokens)
  }

  var rareWords: [String] {
    let count = tokenizer.vocabulary.count
    let first = count - max(8, count / 16)
    return tokenizer.vocabulary.filter { $0.value >= first && $0.key.hasSuffix("</w>") }
      .sorted { $0.value < $1.value }
      .map { String($0.key.dropLast("</w>".count)) }
      .filter { word in
        (2...3).contains(word.count) && word.allSatisfy { ("a"..."z").contains($0) }
          && !Self.meaningful.contains(word)
      }
  }

  var consonants: [String] {
    let letters = Array("bcdfghjklmnpqrstvwxz")
    return letters.flatMap { a in
      letters.flatMap { b in letters.map { c in String([a, b, c]) } }
    }.filter { !Self.meaningful.contains($0) }
  }
}
