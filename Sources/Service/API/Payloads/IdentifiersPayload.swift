import Contract

/// Candidates for the rare token with their evidence, best first.
struct IdentifiersPayload: Encodable, Sendable {
  struct Candidate: Encodable, Sendable {
    var rank: Int
    var text: String
    var tokenIds: [Int]
    var roundTrips: Bool
    var score: Float
    var agreement: Float
    var shift: Float
    /// Of "a photo of [V]", one per seed.
    var aloneUrls: [String]
    /// Of "a [V] [class]", one per seed.
    var withClassUrls: [String]
  }

  struct Drawing: Encodable, Sendable {
    var seeds: [UInt64]
    var sampler: SamplerName
    var steps: Int
    var cfg: Float
    var size: Int
  }

  var object = "identifiers"
  var status = "ready"
  var baseModel: String
  var classNoun: String
  var features: String
  var drawing: Drawing
  var baseline: Float
  var classAgreement: Float
  var classUrls: [String]
  var gridUrl: String
  var candidates: [Candidate]

  init(_ report: IdentifierReport, model: String, _ key: String) {
    let home = "/v1/base_models/\(model)/identifiers/\(key)"
    func urls(_ names: [String]) -> [String] { names.map { "\(home)/\($0)" } }
    baseModel = model
    classNoun = report.classNoun
    features = report.features
    drawing = Drawing(
      seeds: report.seeds, sampler: report.sampler, steps: report.steps, cfg: report.guidance,
      size: report.size)
    (baseline, classAgreement) = (report.baseline, report.classAgreement)
    (classUrls, gridUrl) = (urls(report.classPictures), "\(home)/\(report.grid)")
    candidates = report.candidates.map {
      Candidate(
        rank: $0.rank, text: $0.text, tokenIds: $0.tokenIds, roundTrips: $0.roundTrips,
        score: $0.score, agreement: $0.agreement, shift: $0.shift, aloneUrls: urls($0.alone),
        withClassUrls: urls($0.withClass))
    }
  }
}

/// What is answered while the pictures are being drawn.
struct PendingPayload: Encodable, Sendable {
  var object = "identifiers"
  var status = "pending"
}
