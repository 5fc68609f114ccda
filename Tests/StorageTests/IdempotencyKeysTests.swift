import Foundation
import Storage
import Testing

@Suite struct IdempotencyKeysTests {
  private static func key(_ fingerprint: String = "f1") -> IdempotencyKey {
    IdempotencyKey(scope: "POST /v1/jobs", key: "k", fingerprint: fingerprint)
  }

  @Test func `P12 a thousand equal creates at once make one job`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let answers = try await withThrowingTaskGroup(of: Data.self) { group in
      for _ in 0..<1000 {
        group.addTask {
          let creation = try await stores.jobs.create(
            StorageFixture.draft(), id: stores.ids.next(.job), photos: [], idempotency: Self.key()
          ) { Data($0.id.utf8) }
          switch creation {
          case .created(_, let answer), .replayed(let answer): return answer
          case .keyReused: return Data()
          }
        }
      }
      return try await group.reduce(into: Set<Data>()) { $0.insert($1) }
    }
    #expect(answers.count == 1)
    #expect(try await stores.jobs.counts() == [.validating: 1])
  }

  @Test func `P12 the same key with another body is refused, also after a restart`() async throws {
    let fixture = try StorageFixture()
    let answer = Data("first".utf8)
    do {
      let stores = try await fixture.open()
      _ = try await stores.jobs.create(
        StorageFixture.draft(), id: stores.ids.next(.job), photos: [], idempotency: Self.key()
      ) { _ in answer }
      try stores.database.close()
    }
    let stores = try await fixture.open()
    #expect(try await stores.idempotency.answer(Self.key()) == .replayed(answer: answer))
    #expect(try await stores.idempotency.answer(Self.key("f2")) == .keyReused)
    let creation = try await stores.jobs.create(
      StorageFixture.draft(), id: stores.ids.next(.job), photos: [], idempotency: Self.key("f2")
    ) { _ in Data() }
    #expect(creation == .keyReused)
    let other = IdempotencyKey(scope: "POST /v1/other", key: "k", fingerprint: "f2")
    #expect(try await stores.idempotency.answer(other) == .new)
  }

  @Test func `a create that fails keeps no key`() async throws {
    struct Refused: Error {}
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    await #expect(throws: Refused.self) {
      try await stores.jobs.create(
        StorageFixture.draft(), id: stores.ids.next(.job), photos: [], idempotency: Self.key()
      ) { _ in throw Refused() }
    }
    #expect(try await stores.idempotency.answer(Self.key()) == .new)
    #expect(try await stores.jobs.counts().isEmpty)
  }

  @Test func `keys live a day`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    _ = try await stores.jobs.create(
      StorageFixture.draft(), id: stores.ids.next(.job), photos: [], idempotency: Self.key()
    ) { _ in Data() }
    fixture.time.advance(milliseconds: 86_399_000)
    try await stores.idempotency.expire(now: fixture.time.now)
    #expect(try await stores.idempotency.answer(Self.key()) == .replayed(answer: Data()))
    fixture.time.advance(milliseconds: 2000)
    try await stores.idempotency.expire(now: fixture.time.now)
    #expect(try await stores.idempotency.answer(Self.key()) == .new)
  }

  @Test func `a key in flight is taken until it ends`() async throws {
    let fixture = try StorageFixture()
    let keys = try await fixture.open().idempotency
    #expect(keys.begin(scope: "s", key: "k"))
    #expect(!keys.begin(scope: "s", key: "k"))
    #expect(keys.begin(scope: "s", key: "other"))
    keys.end(scope: "s", key: "k")
    #expect(keys.begin(scope: "s", key: "k"))
  }
}
