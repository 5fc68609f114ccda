import Foundation
import HTTP
import Storage
import Testing

@testable import API

@Suite struct IdempotencyTests {
  let service: ServiceFixture
  init() async throws { service = try await ServiceFixture() }

  private func create(
    _ key: String, _ job: String = #"{"class_noun":"dog","training":{"steps":8}}"#,
    images: [Data] = [ServiceFixture.png]
  ) async throws -> Response {
    try await service.create(job, images: images, ["Idempotency-Key": key])
  }

  @Test func `P12 the same request makes one job, another body is refused`() async throws {
    let first = try await create("k")
    let second = try await create("k", #"{ "training":{"steps":8.0}, "class_noun":"dog" }"#)
    #expect(first.status == 202)
    #expect(second.status == 202)
    #expect(second.headers["Idempotent-Replayed"] == "true")
    #expect(second.headers["Location"] == first.headers["Location"])
    #expect(try first.data == second.data)
    for other in [
      try await create("k", #"{"class_noun":"cat","training":{"steps":8}}"#),
      try await create("k", images: [ServiceFixture.png + Data([1])]),
      try await create("k", images: [ServiceFixture.png, ServiceFixture.png]),
    ] {
      #expect(other.status == 422)
      #expect(other.code == "idempotency_key_reused")
    }
    #expect(try await create("another").status == 202)
    #expect(try await service.stores.jobs.counts()[.validating] == 2)
  }

  @Test func `P12 many equal requests at once make one job`() async throws {
    let answers = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
      for _ in 0..<64 {
        group.addTask {
          let response = try await create("k")
          return (response.status, response.headers["Location"])
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(answers.map(\.0)).isSubset(of: [202, 409]))
    #expect(Set(answers.compactMap(\.1)).count == 1)
    #expect(try await service.stores.jobs.counts()[.validating] == 1)
  }

  @Test func `a refused request does not use up its key`() async throws {
    #expect(try await create("k", #"{"class_noun":""}"#).status == 422)
    #expect(try await create("k").status == 202)
    for key in ["", "a b", "é", String(repeating: "k", count: 256)] {
      #expect(try await create(key).status == 400)
    }
  }
}
