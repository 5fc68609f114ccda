import Contract
import Foundation
import Jobs
import Storage
import Testing

@Suite(.serialized) struct JobQueueTests {
  @Test func `waiting returns at once for a newer status, and wakes on a change`() async throws {
    let fixture = try await JobsFixture()
    let queue = fixture.queue
    let job = try await fixture.submit()
    let known = try await queue.waitForChange(of: job.id, newerThan: 0, timeout: .seconds(60))
    #expect(known?.statusSeq == 1)
    async let woken = queue.waitForChange(of: job.id, newerThan: 1, timeout: .seconds(60))
    try await Task.sleep(for: .milliseconds(100))
    _ = try await queue.cancel(job.id, .graceful)
    #expect(try await woken?.status == .cancelled)
    try fixture.close()
  }

  @Test func `waiting ends with the status as it is, and knows no strangers`() async throws {
    let fixture = try await JobsFixture()
    let job = try await fixture.submit()
    let same = try await fixture.queue.waitForChange(
      of: job.id, newerThan: 1, timeout: .milliseconds(50))
    #expect(same?.statusSeq == 1)
    let none = try await fixture.queue.waitForChange(
      of: "job_x", newerThan: 0, timeout: .seconds(60))
    #expect(none == nil)
    try fixture.close()
  }

  @Test func `an accepted upload lies under the job's id, byte for byte`() async throws {
    let fixture = try await JobsFixture()
    let job = try await fixture.submit(["fine 1", "fine 2"])
    let folder = fixture.stores.folder
    #expect(try fixture.names(in: folder.uploads(ofJob: job.id)) == ["0", "1"])
    let second = try String(
      contentsOf: folder.upload(ofJob: job.id, position: 1), encoding: .utf8)
    #expect(second == "fine 2")
    #expect(try fixture.names(in: folder.temporary).isEmpty)
    try fixture.close()
  }

  @Test func `a photo that is gone before it is stored refuses the request whole`() async throws {
    let fixture = try await JobsFixture()
    var photos = try fixture.incoming(["fine 1", "fine 2"])
    photos[1].file = fixture.root.appending(path: "torn")
    let draft = JobDraft(
      config: "{}", recipe: TrainingRecipe(classNoun: "dog"),
      baseModel: BaseModelReference(id: "tiny", sha256: ""), build: "test")
    await #expect(throws: StorageError.self) {
      try await fixture.queue.submit(draft, photos: photos, idempotency: nil) { _ in Data() }
    }
    #expect(try await fixture.stores.jobs.counts().isEmpty)
    try fixture.close()
  }
}
