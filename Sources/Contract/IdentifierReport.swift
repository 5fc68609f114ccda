/// What a base model says of candidates for the rare token of "a [V] [class]": `identifiers.json`. Pictures are files
/// beside it.
package struct IdentifierReport: Codable, Equatable, Sendable {
  package static let fileName = "identifiers.json"

  package var version = 1
  package var classNoun: String
  package var baseHash: String
  /// What pictures are compared by; figures of different features are not comparable.
  package var features: String
  /// How pictures were drawn: every candidate with the same seeds.
  package var seeds: [UInt64]
  package var sampler: SamplerName
  package var steps: Int
  package var guidance: Float
  package var size: Int
  /// Pictures of "a [class]", one per seed.
  package var classPictures: [String]
  /// Mean cosine of pictures of "a photo", which no word ties together.
  package var baseline: Float
  /// Mean cosine of pictures of "a [class]" with different seeds.
  package var classAgreement: Float
  /// All pictures in one: a row per candidate.
  package var grid: String
  /// Best first.
  package var candidates: [Candidate]

  package struct Candidate: Codable, Equatable, Sendable {
    /// From 1.
    package var rank: Int
    package var text: String
    package var tokenIds: [Int]
    /// Whether "a [V] [class]" holds exactly these tokens, and they read as the text again.
    package var roundTrips: Bool
    /// 1 for a word without meaning of its own, 0 for one that rules the picture.
    package var score: Float
    /// Mean cosine of the pictures of "a photo of [V]" with different seeds.
    package var agreement: Float
    /// Mean 1 - cosine of "a [V] [class]" and "a [class]" with the same seed.
    package var shift: Float
    /// Pictures of "a photo of [V]", one per seed.
    package var alone: [String]
    /// Pictures of "a [V] [class]", one per seed.
    package var withClass: [String]

    package init(
      rank: Int, text: String, tokenIds: [Int], roundTrips: Bool, score: Float, agreement: Float,
      shift: Float, alone: [String], withClass: [String]
    ) {
      (self.rank, self.text, self.tokenIds) = (rank, text, tokenIds)
      (self.roundTrips, self.score) = (roundTrips, score)
      (self.agreement, self.shift) = (agreement, shift)
      (self.alone, self.withClass) = (alone, withClass)
    }
  }

  package init(
    classNoun: String, baseHash: String, features: String, seeds: [UInt64], sampler: SamplerName,
    steps: Int, guidance: Float, size: Int, classPictures: [String], baseline: Float,
    classAgreement: Float, grid: String, candidates: [Candidate]
  ) {
    (self.classNoun, self.baseHash, self.features) = (classNoun, baseHash, features)
    (self.seeds, self.sampler, self.steps) = (seeds, sampler, steps)
    (self.guidance, self.size, self.classPictures) = (guidance, size, classPictures)
    (self.baseline, self.classAgreement) = (baseline, classAgreement)
    (self.grid, self.candidates) = (grid, candidates)
  }

  /// Every picture that the report names.
  package var pictures: [String] {
    classPictures + [grid] + candidates.flatMap { $0.alone + $0.withClass }
  }

  /// Counts meaning against a word:
  ///
  ///     score = 1 - (bound + pulled) / 2
  ///     bound = (agreement - baseline) / (1 - baseline)   how much the word alone ties pictures together
  ///     pulled = shift / (1 - class agreement)            how far it moves the class, in units of its spread
  ///
  /// each held in 0...1. A word that does not come back as its tokens is worth half: the caption says
  /// something else than the user.
  package static func score(
    agreement: Float, baseline: Float, shift: Float, classAgreement: Float, roundTrips: Bool
  ) -> Float {
    func share(_ part: Float, of whole: Float) -> Float {
      min(1, max(0, part / max(whole, 1e-3)))
    }
    let bound = share(agreement - baseline, of: 1 - baseline)
    let pulled = share(shift, of: 1 - classAgreement)
    return (1 - (bound + pulled) / 2) * (roundTrips ? 1 : 0.5)
  }
}
