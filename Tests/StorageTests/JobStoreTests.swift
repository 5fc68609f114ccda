import Contract
import Foundation
import Storage
import Testing

@Suite struct JobStoreTests {
  @Test func `a stored job comes back as it was asked for`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    var draft = StorageFixture.draft("cat")
    draft.name = "toby"
    draft.metadata = ["user": "42"]
    draft.recipe.training.seed = (1 << 53) - 1
    let job = try await stores.validating(draft)
    #expect(job.status == .validating)
    #expect((job.statusSeq, job.attempt, job.epoch) == (1, 1, 0))
    #expect(job.recipe == draft.recipe)
    #expect(job.metadata == ["user": "42"])
    #expect(job.createdAt == fixture.time.now)
    let events = try await stores.events.list(ofJob: job.id)
    #expect(events.items.map(\.type) == [.jobCreated])
    let dataset = try #require(try await stores.datasets.find(job.datasetId))
    #expect(dataset.images.map(\.fileName) == ["a.jpg"])
  }

  @Test func `claiming raises the epoch and takes the highest priority first`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let first = try await stores.queued()
    var urgent = StorageFixture.draft()
    urgent.priority = 5
    let second = try await stores.queued(urgent)
    #expect(try await stores.jobs.queuePosition(first.id) == 2)
    let claimed = try #require(try await stores.jobs.claim())
    #expect(claimed.id == second.id)
    #expect((claimed.epoch, claimed.attempt, claimed.status) == (1, 1, .running))
    #expect(try await stores.jobs.claim()?.id == first.id)
    #expect(try await stores.jobs.claim() == nil)
  }

  @Test func `P4 a thousand queued jobs keep their order over a reopening`() async throws {
    let fixture = try StorageFixture()
    var expected: [String] = []
    do {
      let stores = try await fixture.open()
      for index in 0..<1000 {
        expected.append(try await stores.queued().id)
        // A clock that is set back must not reorder anything.
        fixture.time.advance(milliseconds: index.isMultiple(of: 7) ? -5000 : 1)
      }
      try stores.database.close()
    }
    let stores = try await fixture.open()
    #expect(try await stores.jobs.queue(limit: 2000) == expected)
    for id in expected.prefix(20) { #expect(try await stores.jobs.claim()?.id == id) }
  }

  @Test func `a move from elsewhere changes nothing`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let job = try await stores.queued()
    let wrong = JobMove(to: .succeeded, from: [.running], epoch: 1)
    #expect(try await stores.jobs.move(job.id, wrong) == nil)
    #expect(try await stores.jobs.find(job.id) == job)
  }

  @Test func `a stale epoch changes no row and publishes nothing`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let job = try await stores.queued()
    let old = try #require(try await stores.jobs.claim())
    _ = try await stores.jobs.move(job.id, JobMove(to: .queued, from: [.running], epoch: 1))
    let new = try #require(try await stores.jobs.claim())
    #expect(new.epoch == 2)
    let before = try await stores.jobs.find(job.id)

    let stale = Fence(jobId: job.id, epoch: old.epoch)
    let progress = JobProgress(step: 9, totalSteps: 10)
    let checkpoint = WorkEvent.Checkpoint(step: 1, folder: "step-1", manifestSha256: "x")
    let sample = WorkEvent.Sample(
      step: 1, promptIndex: 0, prompt: "p", seed: 1, file: "a.png", width: 1, height: 1)
    let file = StoredFile(name: "e1/a.png", bytes: 1, sha256: "x")
    let warning = JobWarning(code: "c", param: nil, message: "m")
    #expect(try await !stores.jobs.recordProgress(stale, phase: .training, progress: progress))
    #expect(try await !stores.jobs.recordPhase(stale, .training))
    #expect(try await !stores.jobs.recordWarning(stale, warning))
    #expect(try await stores.checkpoints.record(stale, checkpoint, folder: "e1/s") == nil)
    #expect(try await stores.samples.record(stale, sample, file: file) == nil)
    #expect(try await stores.reports.record(stale, files: [file]) == nil)
    #expect(try await stores.artifacts.publish(stale, [], outcome: .complete) == nil)
    let failed = JobMove(to: .failed, from: [.running], epoch: old.epoch)
    #expect(try await stores.jobs.move(job.id, failed) == nil)

    #expect(try await stores.jobs.find(job.id) == before)
    #expect(try await stores.samples.list(ofJob: job.id).isEmpty)
    #expect(try await stores.artifacts.list(ofJob: job.id).isEmpty)
    let live = Fence(jobId: job.id, epoch: new.epoch)
    #expect(try await stores.jobs.recordWarning(live, warning))
    #expect(try await stores.jobs.recordWarning(live, warning))
    #expect(try await stores.jobs.find(job.id)?.warnings == [warning])
  }

  @Test func `publishing is all or nothing, and once`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    try await stores.queued()
    let job = try #require(try await stores.jobs.claim())
    let fence = Fence(jobId: job.id, epoch: job.epoch)
    let artifact = WorkEvent.Artifact(
      format: "diffusers", folder: "export",
      files: [.init(name: "b", bytes: 2, sha256: "bb"), .init(name: "a", bytes: 1, sha256: "aa")])
    let twice = [artifact, artifact]
    await #expect(throws: StorageError.self) {
      try await stores.artifacts.publish(fence, twice, outcome: .complete)
    }
    #expect(try await stores.jobs.find(job.id)?.status == .running)
    #expect(fixture.fatalErrors.isEmpty)
    let done = try await stores.artifacts.publish(fence, [artifact], outcome: .complete)
    #expect(done?.status == .succeeded)
    #expect(done?.outcome == .complete)
    let stored = try #require(try await stores.artifacts.list(ofJob: job.id).first)
    #expect(stored.files.map(\.name) == ["a", "b"])
    #expect((stored.bytes, stored.folder) == (3, "e1/export"))
    #expect(try await stores.artifacts.publish(fence, [artifact], outcome: .complete) == nil)
  }

  @Test func `events have no gaps, and moves carry them`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let (a, b) = (try await stores.queued(), try await stores.queued())
    _ = try await stores.jobs.claim()
    let failure = JobFailure(EngineError(.nonfinite, "loss is NaN", step: 3))
    let fail = JobMove(to: .failed, from: [.running], epoch: 1, error: failure)
    let failed = try #require(try await stores.jobs.move(a.id, fail))
    #expect(failed.error == failure)
    #expect(failed.finishedAt != nil)
    for job in [a, b] {
      let events = try await stores.events.list(ofJob: job.id).items
      #expect(events.map(\.seq) == Array(1...events.count))
    }
    let events = try await stores.events.list(ofJob: a.id, after: 1, limit: 2)
    #expect(events.items.map(\.type) == [.jobQueued, .jobStarted])
    #expect(events.hasMore)
    let last = try await stores.events.list(ofJob: a.id, types: [.jobFailed]).items
    #expect(last.map(\.level) == [.error])
    #expect(last.first?.data["code"] == "nonfinite")
    #expect(last.first?.statusSeq == failed.statusSeq)
  }

  @Test func `a row that cannot be read fails and blocks nobody`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    let broken = try await stores.queued()
    try await stores.queued()
    let damage = "UPDATE jobs SET recipe = '{}' WHERE id = '\(broken.id)';"
    let folder = try fixture.migrations(adding: [
      "\(try fixture.nextMigration())_damage.sql": damage
    ])
    try await Migrator(folder: folder).apply(stores.database, now: fixture.time.now)
    let claimed = try #require(try await stores.jobs.claim())
    #expect(claimed.id != broken.id)
    #expect(try await stores.jobs.counts() == [.failed: 1, .running: 1])
  }

  // MARK: Lists

  @Test func `pages follow the cursor, are stable under inserts and read both ways`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    var ids: [String] = []
    for _ in 0..<7 {
      ids.append(try await stores.queued().id)
      fixture.time.advance(milliseconds: 1)
    }
    let first = try await stores.jobs.list(JobFilter(), PageRequest(limit: 3))
    #expect(first.items.map(\.id) == ids.reversed().prefix(3).map { $0 })
    #expect(first.hasMore)
    try await stores.queued()
    let second = try await stores.jobs.list(
      JobFilter(), PageRequest(after: first.items.last?.id, limit: 3))
    #expect(second.items.map(\.id) == [ids[3], ids[2], ids[1]])
    let back = try await stores.jobs.list(
      JobFilter(), PageRequest(before: second.items.first?.id, limit: 2))
    #expect(back.items.map(\.id) == [ids[5], ids[4]])
    let rising = try await stores.jobs.list(
      JobFilter(), PageRequest(after: ids[0], limit: 2, order: .ascending))
    #expect(rising.items.map(\.id) == [ids[1], ids[2]])
    await #expect(throws: StorageError.notFound("job job_unknown")) {
      try await stores.jobs.list(JobFilter(), PageRequest(after: "job_unknown"))
    }
  }

  @Test func `filters join with and`() async throws {
    let fixture = try StorageFixture()
    let stores = try await fixture.open()
    var draft = StorageFixture.draft()
    draft.metadata = ["user": "42", "a.b": "\"c\""]
    let mine = try await stores.queued(draft)
    try await stores.queued()
    _ = try await stores.validating(draft)
    let filter = JobFilter(statuses: [.queued], kinds: [.train], metadata: draft.metadata)
    #expect(try await stores.jobs.list(filter, PageRequest()).items.map(\.id) == [mine.id])
    let other = JobFilter(metadata: ["user": "43"])
    #expect(try await stores.jobs.list(other, PageRequest()).items.isEmpty)
  }
}
