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

  /// Words learned beside the vocabulary (Textual Inversion) and the ids that stand for each.
  package private(set) var learned: [String: [Int]] = [:]

  private let encoding: BytePairEncoding
  private let symbols: [Int: String]

  package let startId: Int
  package let endId: Int
  package let paddingId: Int
  private let unknownId: Int

  /// nil if the vocabulary lacks a special token.
  package init?(
    vocabulary: [String: Int], merges: [(left: String, right: String)],
    special: SpecialTokens = SpecialTokens(), maxLength: Int = 77
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
    encoding = BytePairEncoding(merges: merges)
    symbols = Dictionary(vocabulary.map { ($0.value, $0.key) }, uniquingKeysWith: { min($0, $1) })
  }

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
      case .text(let text):
        Self.words(in: normalized(text)).flatMap { encoding.symbols(of: $0) }
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
    var (pieces, rest) = ([Piece](), text.unicodeScalars[...])
    let names = [special.start, special.end, special.padding] + learned.keys.sorted()
    while !rest.isEmpty {
      let found = names.compactMap { name in
        rest.firstRange(of: name.unicodeScalars).map { ($0, name) }
      }.min { $0.0.lowerBound < $1.0.lowerBound }
      guard let (range, name) = found, let ids = learned[name] ?? vocabulary[name].map({ [$0] })
      else {
        pieces.append(.text(rest))
        break
      }
      pieces += [.text(rest[..<range.lowerBound]), .special(ids)]
      rest = rest[range.upperBound...]
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
