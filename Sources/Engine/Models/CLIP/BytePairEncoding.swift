/// Byte-pair encoding of one word (Sennrich et al., 1508.07909) over bytes, as in CLIP:
/// the last symbol of a word carries `</w>`.
struct BytePairEncoding: Sendable {
  struct Pair: Hashable { let left: String, right: String }

  let ranks: [Pair: Int]

  init(merges: [(left: String, right: String)]) {
    ranks = Dictionary(
      merges.enumerated().map { (Pair(left: $1.left, right: $1.right), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// The symbols of a word after all merges, best rank first.
  func symbols(of word: String) -> [String] {
    var symbols = word.utf8.map { String(Self.character(of: $0)) }
    guard let last = symbols.popLast() else { return [] }
    symbols.append(last + "</w>")
    while let best = bestPair(in: symbols) {
      var (merged, i) = ([String](), 0)
      while i < symbols.count {
        if i + 1 < symbols.count, symbols[i] == best.left, symbols[i + 1] == best.right {
          merged.append(best.left + best.right)
          i += 2
        } else {
          merged.append(symbols[i])
          i += 1
        }
      }
      symbols = merged
    }
    return symbols
  }

  private func bestPair(in symbols: [String]) -> Pair? {
    zip(symbols, symbols.dropFirst())
      .compactMap { left, right in
        let pair = Pair(left: left, right: right)
        return ranks[pair].map { (pair, $0) }
      }
      .min { $0.1 < $1.1 }?.0
  }

  // MARK: - Bytes as printable characters (GPT-2's table)

  /// Printable bytes stand for themselves, the others for 256, 257, ... in order.
  private static let characters: [Character] = {
    var (characters, next) = ([Character](), UInt32(256))
    for byte in UInt8.min...UInt8.max {
      let isPrintable =
        (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
      if isPrintable {
        characters.append(Character(Unicode.Scalar(byte)))
      } else if let scalar = Unicode.Scalar(next) {
        characters.append(Character(scalar))
        next += 1
      }
    }
    return characters
  }()

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: characters.enumerated().compactMap { index, character in
      character.unicodeScalars.first.map { ($0, UInt8(index)) }
    })

  static func character(of byte: UInt8) -> Character { characters[Int(byte)] }

  /// The text that symbols stand for; `</w>` is a space.
  static func text(of symbols: some Sequence<String>) -> String {
    let joined = symbols.joined().replacing("</w>", with: " ")
    let text = joined.unicodeScalars.compactMap { $0 == " " ? UInt8(ascii: " ") : bytes[$0] }
    return String(decoding: text, as: UTF8.self)
  }
}
