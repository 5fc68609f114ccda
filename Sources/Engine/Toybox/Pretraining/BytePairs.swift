/// Learns byte-level merges in CLIP's format (Sennrich et al., 1508.07909): pieces of a word, the last of
/// them marked `</w>`, are joined pair by pair until each of the given words is one piece.
struct BytePairs {
  private(set) var merges: [(String, String)] = []

  /// The most frequent pair of neighbours is joined first, the smaller one by spelling among equals. A
  /// tokenizer that replays the merges in this order passes through the same states, so every given
  /// word comes out whole.
  mutating func learn(words: [String]) {
    var pieces = words.sorted().map(Self.letters)
    while pieces.contains(where: { $0.count > 1 }) {
      var counts: [[String]: Int] = [:]
      for word in pieces {
        for (left, right) in zip(word, word.dropFirst()) { counts[[left, right], default: 0] += 1 }
      }
      guard
        let best = counts.max(by: {
          ($0.value, $1.key[0], $1.key[1]) < ($1.value, $0.key[0], $0.key[1])
        })
      else { return }
      let pair = (best.key[0], best.key[1])
      merges.append(pair)
      pieces = pieces.map { Self.joined($0, pair) }
    }
  }

  /// Adds merges that make each three-letter word one piece, first two letters first. The words must be
  /// such that none of `learn`'s words holds their pairs.
  mutating func append(triples: [String]) {
    let split = triples.map(Self.letters)
    var pairs: [(String, String)] = []
    for word in split where !pairs.contains(where: { $0 == (word[0], word[1]) }) {
      pairs.append((word[0], word[1]))
    }
    merges += pairs + split.map { ($0[0] + $0[1], $0[2]) }
  }

  private static func letters(_ word: String) -> [String] {
    var letters = word.map(String.init)
    letters[letters.count - 1] += "</w>"
    return letters
  }

  private static func joined(_ word: [String], _ pair: (String, String)) -> [String] {
    var result: [String] = []
    for piece in word {
      if let last = result.last, last == pair.0, piece == pair.1 {
        result[result.count - 1] = last + piece
      } else {
        result.append(piece)
      }
    }
    return result
  }
}
