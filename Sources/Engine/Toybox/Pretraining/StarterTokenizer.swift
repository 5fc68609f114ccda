package import Models

/// The starter's vocabulary in CLIP's format: bytes, the words of the captions, and a tail of rare tokens
/// that no caption contains, from which an identifier can be taken. Text outside the captions falls back to
/// letters and bytes.
package enum StarterTokenizer {
  /// Tokens of a sentence, both special ones included.
  package static let length = 32

  /// Consonants in an order that no English word has.
  package static let rareWords: [String] = ["qz", "xq", "zj", "vx", "jq", "kx"].flatMap { pair in
    "bdfgkpw".map { "\(pair)\($0)" }
  }

  package static let tokenizer: CLIPTokenizer = {
    var pairs = BytePairs()
    pairs.learn(words: ToyCaption.words)
    pairs.append(triples: rareWords)
    let special = CLIPTokenizer.SpecialTokens()
    let symbols =
      bytes + bytes.map { $0 + "</w>" } + pairs.merges.map { $0.0 + $0.1 }
      + [special.start, special.end]
    guard
      let tokenizer = CLIPTokenizer(
        vocabulary: Dictionary(uniqueKeysWithValues: symbols.enumerated().map { ($1, $0) }),
        merges: pairs.merges.map { (left: $0.0, right: $0.1) }, special: special, maxLength: length)
    else { preconditionFailure("StarterTokenizer: the special tokens are in the vocabulary") }
    return tokenizer
  }()

  /// GPT-2's printable stand-ins for the 256 bytes, in the order of CLIP's vocabulary.
  private static let bytes: [String] = {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let others = (0..<256).filter { !printable.contains($0) }.indices.map { 256 + $0 }
    return (printable + others).compactMap { UnicodeScalar($0).map { String(Character($0)) } }
  }()
}
