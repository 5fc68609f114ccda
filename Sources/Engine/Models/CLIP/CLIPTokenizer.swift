import Foundation

/// Text to token ids, as CLIP was trained: NFC, runs of white space to one space, lower case, words,
/// byte pairs. Must match `transformers.CLIPTokenizer`.
package struct CLIPTokenizer: Sendable {
  package let vocabulary: [String: Int]
  package let merges: [(left: String, right: String)]
  package let special: SpecialTokens
  /// Tokens in a row, with the two at its ends.
  package let maxLength: Int

  package struct SpecialTokens: Equatable, Sendable {
    package var start = "<|startoftext|>"
    package var end = "<|endoftext|>"
    package var padding = "<|endoftext|>"
    package var unknown = "<|endoftext|>"

    package init(padding: String = "<|endoftext|>") { self.padding = padding }
  }

  /// A word that a tokenizer's files add to its vocabulary, with a row of the text encoder's table.
  package struct AddedToken: Codable, Equatable, Sendable {
    package var content: String
    package var id: Int
    /// Whether it is looked for after NFC and lower case, as other words are.
    package var isNormalized: Bool

    package init(_ content: String, id: Int, isNormalized: Bool) {
      (self.content, self.id, self.isNormalized) = (content, id, isNormalized)
    }
  }

  /// In the order of their ids.
  package let added: [AddedToken]

  /// Words learned beside the vocabulary (Textual Inversion) and the ids that stand for each.
  package private(set) var learned: [String: [Int]] = [:]

  private let encoding: BytePairEncoding
  private let symbols: [Int: String]

  package let startId: Int
  package let endId: Int
  package let paddingId: Int
  package let unknownId: Int

  /// nil if the vocabulary lacks a special token.
  package init?(
    vocabulary: [String: Int], merges: [(left: String, right: String)],
    special: SpecialTokens = SpecialTokens(), maxLength: Int = 77, added: [AddedToken] = []
  ) {
    guard let startId = vocabulary[special.start], let endId = vocabulary[special.end],
      let paddingId = vocabulary[special.padding], let unknownId = vocabulary[special.unknown],
      maxLength >= 2
    else { return nil }
    (self.startId, self.endId, self.paddingId) = (startId, endId, paddingId)
    self.unknownId = unknownId
    self.vocabulary = vocabulary
    self.merges = merges
    self.special = special
    self.maxLength = maxLength
    self.added = added.sorted { ($0.id, $0.content) < ($1.id, $1.content) }
    encoding = BytePairEncoding(merges: merges)
    symbols = Dictionary(
      vocabulary.map { ($0.value, $0.key) } + added.map { ($0.id, $0.content) },
      uniquingKeysWith: { min($0, $1) })
  }

  /// Rows of the text encoder's table that the ids reach.
  package var rowCount: Int { max(vocabulary.count, (added.map(\.id).max() ?? -1) + 1) }

  /// The row that the text model takes: start, tokens (cut to fit), end, padding. `maxLength` ids.
  package func encode(_ text: String) -> [Int] {
    let row = [startId] + tokens(of: text).prefix(maxLength - 2) + [endId]
    return row + Array(repeating: paddingId, count: maxLength - row.count)
  }

  /// The ids of a text without start, end and padding, however many.
  package func tokens(of text: String) -> [Int] {
    pieces(of: text).flatMap { piece -> [Int] in
      switch piece {
      case .special(let ids): ids
      case .text(let text): words(of: normalized(text))
      }
    }
  }

  /// The ids of a normalized text: added words first, byte pairs in between.
  private func words(of text: String) -> [Int] {
    let names = added.filter(\.isNormalized).map {
      (normalized($0.content.unicodeScalars[...]), [$0.id])
    }
    return Self.split(text, at: names).flatMap { piece -> [Int] in
      switch piece {
      case .special(let ids): ids
      case .text(let text):
        Self.words(in: String(text)).flatMap { encoding.symbols(of: $0) }
          .map { vocabulary[$0] ?? unknownId }
      }
    }
  }

  /// Makes `word` stand for `ids` wherever it occurs, whatever is around it.
  package mutating func learn(_ word: String, ids: [Int]) { learned[word] = ids }

  /// The text of some ids, special tokens left out; white space at the ends trimmed.
  package func decode(_ ids: [Int]) -> String {
    let plain = ids.filter { ![startId, endId, paddingId].contains($0) }
    return BytePairEncoding.text(of: plain.compactMap { symbols[$0] })
      .trimmingCharacters(in: .whitespaces)
  }

  // MARK: - Words

  private enum Piece {
    case special([Int])
    case text(Substring.UnicodeScalarView)
  }

  /// Special tokens written out in the text stand for themselves, even with an accent behind them: scalars are
  /// compared, not characters.
  private func pieces(of text: String) -> [Piece] {
    var names = [special.start, special.end, special.padding].compactMap { name in
      vocabulary[name].map { (name, [$0]) }
    }
    names += added.filter { !$0.isNormalized }.map { ($0.content, [$0.id]) }
    names += learned.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    return Self.split(text, at: names)
  }

  /// Cuts a text at each name, the leftmost first and of those the longest.
  private static func split(_ text: String, at names: [(name: String, ids: [Int])]) -> [Piece] {
    var (pieces, rest) = ([Piece](), text.unicodeScalars[...])
    // An empty name would be found for ever.
    let names = names.filter { !$0.name.isEmpty }
    while !rest.isEmpty {
      let found = names.compactMap { name in
        rest.firstRange(of: name.name.unicodeScalars).map { (range: $0, ids: name.ids) }
      }.min {
        $0.range.lowerBound != $1.range.lowerBound
          ? $0.range.lowerBound < $1.range.lowerBound
          : $0.range.upperBound > $1.range.upperBound
      }
      guard let found else {
        pieces.append(.text(rest))
        break
      }
      pieces += [.text(rest[..<found.range.lowerBound]), .special(found.ids)]
      rest = rest[found.range.upperBound...]
    }
    return pieces
  }

  private func normalized(_ text: Substring.UnicodeScalarView) -> String {
    String(text).precomposedStringWithCanonicalMapping.lowercased()
  }

  private enum Kind { case space, letter, number, other }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    if scalar.properties.isWhitespace { return .space }
    return switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: .other
    }
  }

  private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
    .map { Array($0.unicodeScalars) }

  /// `'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+`, white space dropped.
  static func words(in text: String) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var (words, i) = ([String](), 0)
    while i < scalars.count {
      let kind = kind(scalars[i])
      var end = i + 1
      if let contraction = contractions.first(where: { scalars[i...].starts(with: $0) }) {
        end = i + contraction.count
      } else if kind == .letter || kind == .other {
        while end < scalars.count, self.kind(scalars[end]) == kind { end += 1 }
      }
      if kind != .space {
        var word = String.UnicodeScalarView()
        word.append(contentsOf: scalars[i..<end])
        words.append(String(word))
      }
      i = end
    }
    return words
  }
}
