import Foundation
import Storage
import Testing

@Suite struct DiskFullTests {
  @Test func `a database without room refuses the write and goes on`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    func limit(pages: Int, _ offset: Int) throws -> URL {
      var extra: [String: String] = [:]
      for number in 1...offset {
        extra["\(try fixture.nextMigration(number))_limit.sql"] =
          "PRAGMA max_page_count = \(number == offset ? pages : 60);"
      }
      return try fixture.migrations(adding: extra)
    }
    try await Migrator(folder: limit(pages: 60, 1)).apply(stores.database, now: fixture.time.now)
    var stored: [String] = []
    var refusal: StorageError?
    while refusal == nil, stored.count < 1000 {
      do { stored.append(try await stores.validating().id) } catch let error as StorageError {
        refusal = error
      }
    }
    #expect(refusal == .diskFull(operation: "creating a job"))
    #expect(fixture.fatalErrors.isEmpty)
    // Nothing of the refused job is there, and what was accepted is.
    #expect(try await stores.jobs.counts() == [.validating: stored.count])
    // With room again, work goes on over the same connection.
    try await Migrator(folder: limit(pages: 100_000, 2))
      .apply(stores.database, now: fixture.time.now)
    _ = try await stores.validating()
    #expect(try await stores.jobs.counts() == [.validating: stored.count + 1])
  }
}
