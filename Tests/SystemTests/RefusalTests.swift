import Foundation
import TestSupport
import Testing

/// What must be refused, each with its documented code, while the service goes on.
@Suite(.serialized) struct RefusalTests {
  private static let shared = Task {
    try await RunningService(data: try Subjects.folder().appending(path: "data"))
  }

  /// The job that any refusal must not disturb.
  private func goesOn(_ service: RunningService) async throws {
    #expect(try await service.get("/healthz").status == 200)
    #expect(service.isRunning)
  }

  private func refused(
    _ change: (inout [String: Any]) -> Void, photos: [(name: String, bytes: Data)] = Subjects.photos
  ) async throws -> RunningService.Answer {
    let service = try await Self.shared.value
    var job = Subjects.job()
    change(&job)
    let answer = try await service.post(job: job, photos: photos)
    #expect(
      answer.status < 400
        || answer.headers["content-type"]?.hasPrefix("application/problem+json") == true,
      "\(answer.headers)")
    try await goesOn(service)
    return answer
  }

  private func pointers(_ answer: RunningService.Answer) -> [String] {
    (answer.json["errors"] as? [[String: Any]] ?? []).compactMap { $0["pointer"] as? String }
  }

  @Test func `a bad class noun`() async throws {
    for noun in ["", "{class}", String(repeating: "x", count: 65), "dog; rm"] {
      let answer = try await refused { $0["class_noun"] = noun }
      #expect(answer.status == 422, "\(noun): \(answer.text)")
      #expect(pointers(answer).contains("/class_noun"), "\(answer.text)")
    }
  }

  @Test func `no images`() async throws {
    let answer = try await refused({ _ in }, photos: [])
    #expect(answer.status == 422, "\(answer.text)")
  }

  @Test func `an unknown field and a step count below one, both named at once`() async throws {
    let answer = try await refused {
      $0["learning_rat"] = 1
      $0["training"] = ["steps": -1]
    }
    #expect(answer.status == 422, "\(answer.text)")
    #expect(
      Set(pointers(answer)).isSuperset(of: ["/learning_rat", "/training/steps"]), "\(answer.text)")
    #expect(answer.text.contains("\"min\":1"), "the range is said: \(answer.text)")
  }

  @Test func `a missing base model`() async throws {
    let answer = try await refused { $0["base_model"] = "sd99" }
    #expect(answer.status == 422, "\(answer.text)")
    #expect(pointers(answer) == ["/base_model"], "\(answer.text)")
    #expect(answer.text.contains("starter"), "what there is, is said: \(answer.text)")
  }

  @Test(arguments: BadPhotos.all)
  func `P16 a bad photo fails the job with its verdict`(_ file: BadPhotos.File) async throws {
    let service = try await Self.shared.value
    var photos = Subjects.photos
    photos[2] = (file.name, Data(file.bytes))
    let answer = try await service.post(job: Subjects.job(), photos: photos)
    guard answer.status == 202, let id = answer.json["id"] as? String else {
      #expect(answer.status == 422 || answer.status == 415, "\(answer.text)")
      return try await goesOn(service)
    }
    let job = try await service.finished(id)
    #expect(job["status"] as? String == "failed")
    let error = job["error"] as? [String: Any]
    #expect(error?["code"] as? String == "images_rejected", "\(job)")
    let dataset = try #require((job["dataset"] as? [String: Any])?["id"] as? String)
    let verdicts = try await service.get("/v1/datasets/\(dataset)").text
    #expect(verdicts.contains("\"\(file.code)\""), "\(verdicts)")
    try await goesOn(service)
  }

  @Test func `malformed JSON, duplicate keys, a wrong method and an unknown job`() async throws {
    let service = try await Self.shared.value
    for text in ["{", "[]", #"{"class_noun":"dog","class_noun":"cat"}"#] {
      let answer = try await service.post(json: Data(text.utf8), photos: Subjects.photos)
      #expect([400, 422].contains(answer.status), "\(text): \(answer.text)")
    }
    let missing = try await service.get("/v1/jobs/job_00000000000000000000000000")
    #expect(missing.status == 404 && missing.code != nil)
    let method = try await service.send("DELETE", "/v1/base_models")
    #expect(method.status == 405 && method.headers["allow"] != nil)
    try await goesOn(service)
  }
}
