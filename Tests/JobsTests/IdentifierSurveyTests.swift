import Contract
import Foundation
import Jobs
import Storage
import Testing

@Suite(.serialized) struct IdentifierSurveyTests {
  private func question(_ tokens: [String], count: Int = 3) -> IdentifierSurvey.Question {
    .init(baseHash: "b", classNoun: "dog", tokens: tokens, count: count, encoder: "")
  }

  private func fixture(_ script: String) async throws -> JobsFixture {
    let fixture = try await JobsFixture { $0.identifierArguments = ["-c", script, "identifiers"] }
    return fixture
  }

  private func settle(
    _ survey: IdentifierSurvey, _ question: IdentifierSurvey.Question
  ) async throws -> IdentifierSurvey.Answer {
    while true {
      let answer = try await survey.ask(question, model: URL(filePath: "/base"))
      guard case .pending = answer else { return answer }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test func `a child that fails is told of once, and tried again`() async throws {
    let fixture = try await fixture(
      "echo x >> \"$(dirname \"$8\")/tries\"; echo working >&2; echo \"no word\" >&2; exit 2")
    let survey = fixture.queue.identifiers
    for tries in 1...2 {
      guard case .failed(let reason) = try await settle(survey, question([])) else {
        Issue.record("no failure")
        return
      }
      #expect(reason == "no word")
      let file = fixture.stores.folder.cache.appending(path: "identifiers/tries")
      #expect(try Data(contentsOf: file).count == 2 * tries)
    }
    try fixture.close()
  }

  @Test func `one child works at a time, and none outlives the stop`() async throws {
    let fixture = try await fixture("exec sleep 600")
    let survey = fixture.queue.identifiers
    for tokens in [["a"], ["b"], ["a"]] {
      guard case .pending = try await survey.ask(question(tokens), model: URL(filePath: "/base"))
      else {
        Issue.record("not pending")
        return
      }
    }
    fixture.queue.drain()
    await #expect(throws: JobError.draining) {
      _ = try await survey.ask(question(["c"]), model: URL(filePath: "/base"))
    }
    // The reason is there once the child is reaped; nothing else is begun meanwhile.
    var reason: String?
    while reason == nil {
      let answer = try? await survey.ask(question(["a"]), model: URL(filePath: "/base"))
      if case .failed(let told)? = answer { reason = told }
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(reason?.contains("signal 9") == true)
    try fixture.close()
  }

  @Test func `an answer hangs on model, class, words, their number and the encoder`() throws {
    let base = question(["a"])
    var others = [base, base, base, base]
    others[0].baseHash = "c"
    others[1].classNoun = "cat"
    others[2].tokens = ["a", "b"]
    others[3].encoder = "clip"
    let keys = try Set(
      ([base, question([]), question([], count: 4)] + others).map { try $0.key() })
    #expect(keys.count == 7)
    #expect(try question(["a"], count: 9).key() == base.key())
  }
}
