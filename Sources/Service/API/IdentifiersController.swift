import Contract
import Foundation
import HTTP
import Jobs
import Storage

/// Rare words as a base model sees them, so that a rifle called `sks` is seen before it is trained.
struct IdentifiersController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  /// Answers when the pictures are there, and until then says so.
  @Sendable func list(_ request: Request) async throws -> Response {
    let model = try await model(request)
    let (noun, count, tokens) = try Self.question(request.query)
    let survey = context.queue.identifiers
    let question = IdentifierSurvey.Question(
      baseHash: model.sha256, classNoun: noun, tokens: tokens, count: count,
      encoder: survey.encoder)
    switch try await survey.ask(question, model: context.shelf.folder(model.id)) {
    case .ready(let key, let report):
      return try .tagged(IdentifiersPayload(report, model: model.id, key), request)
    case .pending:
      var response = try Response.json(PendingPayload(), status: 202)
      response.headers["Retry-After"] = "2"
      return response
    case .failed(let reason): throw Problem(.identifiersFailed, reason)
    }
  }

  @Sendable func picture(_ request: Request) async throws -> Response {
    try request.query.allow([])
    _ = try await model(request)
    let name = request.parameter("name")
    let file = try await context.queue.identifiers.picture(
      name, of: request.parameter("survey"))
    guard let file else { throw Problem(.notFound, "there is no picture \(name.prefix(64))") }
    let digest = try await BlockingIO.run { try FileHash.sha256(ofFile: file) }
    return try FileResponse.make(file, contentType: "image/png", etag: digest, request: request)
  }

  private func model(_ request: Request) async throws -> ModelShelf.Model {
    let id = request.parameter("id")
    guard let model = try await context.shelf.find(id) else {
      throw Problem(.notFound, "there is no model \(id.prefix(64)) in the models folder")
    }
    return model
  }

  /// `?class=dog&n=10`, or `?class=dog&tokens=sks,xjy`.
  private static func question(
    _ query: Query
  ) throws(Problem) -> (noun: String, count: Int, tokens: [String]) {
    try query.allow(["class", "n", "tokens"])
    let limit = RecipeLimits.identifierCandidates
    guard let noun = query["class"] else {
      throw fault("class", "required", "names the class of the subject, as ?class=dog")
    }
    if let fault = ClassNoun.fault(noun) { throw Self.fault("class", fault.code, fault.message) }
    let count = try query.integer("n", in: limit.minimum...limit.maximum) ?? 10
    let tokens = (query["tokens"] ?? "").split(separator: ",").map(String.init)
    let isWord = { (token: String) in
      RecipeLimits.identifierLength.contains(RecipeLimits.length(of: token))
        && token.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
        && token.first != "-"
    }
    guard tokens.count <= limit.maximum, tokens.allSatisfy(isWord),
      Set(tokens).count == tokens.count
    else {
      throw fault(
        "tokens", "invalid_list",
        "at most \(limit.maximum) different words with commas between, of letters, digits, - and _")
    }
    return (noun, count, tokens)
  }

  private static func fault(_ parameter: String, _ code: String, _ message: String) -> Problem {
    Problem(
      .invalidParameter, "query parameter \(parameter): \(message)",
      errors: [.init(parameter: parameter, code: code, message: message)])
  }
}
