import Contract
import Foundation
import Storage
import Testing

/// What years of jobs and long runs must not slow down, held by what comes back.
@Suite struct HistoryTests {
  @Test func `metadata of jobs from before the index are found, page by page`() async throws {
    let fixture = try StorageFixture()
    let database = try fixture.openDatabase()
    let migrator = try Migrator(folder: StorageFixture.migrations)
    try await migrator.apply(database, now: fixture.time.now, upTo: 2)
    let stores = Stores(fixture.folder, database, time: fixture.time)
    var (wanted, old): ([String], [String]) = ([], [])
    for index in 0..<60 {
      if index == 30 {
        try await migrator.apply(database, now: fixture.time.now)
        for id in old {
          _ = try await stores.jobs.move(id, .init(to: .queued, from: [.validating]))
        }
      }
      var draft = StorageFixture.draft()
      draft.metadata = ["user": "u\(index % 2)", "batch": "b\(index % 5)", "all": "é\"x\""]
      let job =
        index < 30 ? try await stores.validating(draft) : try await stores.queued(draft)
      if index < 30 { old.append(job.id) }
      if index % 2 == 1, index % 5 == 3 { wanted.append(job.id) }
      fixture.time.advance(milliseconds: index % 3 == 0 ? 0 : 1)
    }
    let filter = JobFilter(
      statuses: [.queued], metadata: ["user": "u1", "batch": "b3", "all": "é\"x\""])
    var found: [String] = []
    while true {
      let page = try await stores.jobs.list(
        filter, PageRequest(after: found.last, limit: 2, order: .ascending))
      found += page.items.map(\.id)
      guard page.hasMore else { break }
    }
    #expect(found == wanted)
    let newest = try await stores.jobs.list(filter, PageRequest(limit: 3))
    #expect(newest.items.map(\.id) == wanted.reversed().prefix(3).map { $0 })
    let nobody = JobFilter(metadata: ["user": "u1", "batch": "b9"])
    #expect(try await stores.jobs.list(nobody, PageRequest()).items.isEmpty)
    #expect(try await stores.jobs.states().count == 60)
    #expect(try await stores.jobs.counts() == [.queued: 60])
    _ = try await stores.jobs.claim()
    #expect(try await stores.jobs.counts() == [.queued: 59, .running: 1])
  }

  @Test func `a clock that is set back changes no order`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    var arrived: [String] = []
    for step: Int64 in [0, 3_600_000, -7_200_000, 1, -1, -86_400_000, 172_800_000] {
      fixture.time.advance(milliseconds: step)
      var draft = StorageFixture.draft()
      draft.metadata = ["user": "u", "n": "\(arrived.count % 2)"]
      arrived.append(try await stores.queued(draft).id)
    }
    for filter in [
      JobFilter(), JobFilter(statuses: [.queued]), JobFilter(metadata: ["user": "u"]),
    ] {
      for order in [PageRequest.Order.ascending, .descending] {
        var found: [String] = []
        while true {
          let page = try await stores.jobs.list(
            filter, PageRequest(after: found.last, limit: 2, order: order))
          found += page.items.map(\.id)
          guard page.hasMore else { break }
        }
        #expect(found == (order == .ascending ? arrived : arrived.reversed()))
      }
      let before = try await stores.jobs.list(filter, PageRequest(before: arrived[3], limit: 2))
      #expect(before.items.map(\.id) == [arrived[5], arrived[4]])
    }
  }

  @Test func `a page of a long log is what reading all of it gives`() throws {
    let fixture = try StorageFixture()
    let log = MetricLog(fixture.folder)
    try FileIO.createFolder(fixture.folder.job("j"))
    // Lines of different lengths, over many blocks, with a gap in the steps.
    let steps = Array(1...9000) + Array(12_000...15_000)
    try log.append(steps.map(Self.step), ofJob: "j")
    for since in [-1, 0, 1, 77, 8999, 9000, 10_500, 11_999, 12_000, 14_998, 15_000, 20_000] {
      for stride in [1, 2, 63, 64, 65, 1000, 14_999, 50_000] {
        for limit in [1, 7, 1000] {
          let all = steps.filter { $0 > since && $0.isMultiple(of: stride) }
          let page = try log.read(ofJob: "j", sinceStep: since, stride: stride, limit: limit)
          #expect(page.items.map(\.step) == Array(all.prefix(limit)), "\(since) \(stride) \(limit)")
          #expect(page.hasMore == (all.count > limit))
        }
      }
    }
    let file = fixture.folder.metrics(ofJob: "j")
    for step in [14_000, 10_000, 9000, 4321, 1, 0] {
      try log.rewind(toStep: step, ofJob: "j")
      #expect(try log.read(ofJob: "j", sinceStep: step).items.isEmpty)
      let last = steps.last { $0 <= step }
      if let last {
        #expect(try log.read(ofJob: "j", sinceStep: last - 1).items.map(\.step) == [last])
      }
    }
    #expect(try Data(contentsOf: file).isEmpty)
  }

  @Test func `a line longer than what is read at once is whole`() throws {
    let fixture = try StorageFixture()
    let log = MetricLog(fixture.folder)
    try FileIO.createFolder(fixture.folder.job("j"))
    try log.append((1...3).map(Self.step), ofJob: "j")
    let file = fixture.folder.metrics(ofJob: "j")
    var data = try Data(contentsOf: file)
    data.insert(contentsOf: Data(repeating: 0x20, count: 50_000), at: 0)
    try (data + Data(repeating: 0x20, count: 40_000)).write(to: file)
    #expect(try log.read(ofJob: "j").items.map(\.step) == [1, 2, 3])
    try log.rewind(toStep: 2, ofJob: "j")
    #expect(try log.read(ofJob: "j").items.map(\.step) == [1, 2])
  }

  private static func step(_ step: Int) -> StepMetrics {
    StepMetrics(
      step: step, totalSteps: 20_000, loss: 1 / Float(step), instanceLoss: 0.5,
      priorLoss: step.isMultiple(of: 3) ? nil : 0.25, gradientNorm: 1, learningRate: 1e-4,
      seconds: 0.1)
  }
}
