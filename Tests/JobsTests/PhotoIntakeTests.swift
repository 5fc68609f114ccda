import Contract
import Foundation
import Jobs
import Storage
import Synchronization
import Testing

@Suite(.serialized) struct PhotoIntakeTests {
  @Test func `P16 a rejected photo fails the job, with a verdict for each`() async throws {
    let fixture = try await JobsFixture()
    try await fixture.running {
      let id = try await fixture.submit(["fine 1", "rejected", "fine 2"]).id
      let job = try await fixture.finished(id)
      #expect(job.error?.code == .imagesRejected)
      #expect(job.error?.param == "images/1")
      #expect(job.error?.message == "images/1: this is text; send PNG, JPEG or WebP")
      let dataset = try #require(try await fixture.stores.datasets.find(job.datasetId))
      #expect(dataset.images.map(\.verdict) == [.accepted, .rejected, .accepted])
      #expect(dataset.images.allSatisfy { $0.blob == nil })
      #expect(try await fixture.eventTypes(id) == [.jobCreated, .imageRejected, .jobFailed])
    }
    try expectNothingLeft(fixture)
    try fixture.close()
  }

  @Test func `skip leaves rejected photos out and warns`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().finished().write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit(["rejected", "fine"]) { $0.onRejectedImage = .skip }.id
      let job = try await fixture.finished(id)
      #expect(job.status == .succeeded)
      #expect(job.warnings.map(\.param) == ["images/0"])
      let none = try await fixture.submit(["rejected"]) { $0.onRejectedImage = .skip }.id
      #expect(try await fixture.finished(none).error?.code == .imagesRejected)
    }
    try expectNothingLeft(fixture)
    try fixture.close()
  }

  @Test func `more pixels than a request may have are refused, and nothing is left`() async throws {
    // Each picture has 100 x 80.
    let fixture = try await JobsFixture { $0.pixelLimit = 16_000 }
    let photos = ["fine 1", "fine 2", "fine 3"]
    _ = try await fixture.queue.examine(try fixture.incoming(Array(photos.prefix(2))))
    let incoming = try fixture.incoming(photos)
    await #expect(throws: JobError.tooManyPixels(limit: 16_000)) {
      try await fixture.queue.examine(incoming)
    }
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit(photos).id)
      #expect(job.error?.code == .imagesRejected)
      #expect(job.error?.message.contains("million pixels") == true)
    }
    try fixture.close()
  }

  @Test func `P19 P20 order does not matter, and equal names are both kept`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().finished().write(for: fixture)
    try await fixture.running {
      var digests: Set<String> = []
      for photos in [["fine 1", "fine 2", "fine 3"], ["fine 3", "fine 1", "fine 2"]] {
        let job = try await fixture.finished(try await fixture.submit(photos).id)
        let dataset = try #require(try await fixture.stores.datasets.find(job.datasetId))
        #expect(dataset.kept.count == 3)
        digests.insert(try #require(dataset.sha256))
      }
      #expect(digests.count == 1)
    }
    try fixture.close()
  }

  @Test func `P21 photos of the same view are grouped and warned of`() async throws {
    let fixture = try await JobsFixture()
    let images = try await fixture.queue.examine(
      try fixture.incoming(["same a", "fine", "same b"]))
    #expect(images.map(\.duplicateGroup) == [1, nil, 1])
    #expect(images.map(\.verdict) == [.warned, .accepted, .warned])
    #expect(images[0].findings.first?.message.contains("images/2") == true)
    #expect(try await fixture.stores.jobs.counts().isEmpty)
    try fixture.close()
  }

  @Test func `a full disk refuses before anything is stored`() async throws {
    let fixture = try await JobsFixture { $0.diskWatermark = 1000 }
    fixture.disk.free.withLock { $0 = Int64(Ballast.size) + 1011 }
    await #expect(
      throws: JobError.diskLow(
        free: Int64(Ballast.size) + 1011, needed: Int64(Ballast.size) + 1012)
    ) {
      try await fixture.submit()
    }
    #expect(try await fixture.stores.jobs.counts().isEmpty)
    fixture.disk.free.withLock { $0 = Int64(Ballast.size) + 1012 }
    _ = try await fixture.submit()
    try fixture.close()
  }

  @Test func `a full queue refuses`() async throws {
    let fixture = try await JobsFixture { $0.queueLimit = 1 }
    _ = try await fixture.submit()
    await #expect(throws: JobError.queueFull(limit: 1)) { try await fixture.submit() }
    try fixture.close()
  }

  @Test func `P12 a replayed request leaves no second set of photos`() async throws {
    let fixture = try await JobsFixture()
    let key = IdempotencyKey(scope: "s", key: "k", fingerprint: "f")
    for expected in [1, 1] {
      let draft = JobDraft(
        config: "{}", recipe: TrainingRecipe(classNoun: "dog"),
        baseModel: BaseModelReference(id: "tiny", sha256: ""), build: "test")
      _ = try await fixture.queue.submit(
        draft, photos: try fixture.incoming(["fine"]), idempotency: key
      ) { Data($0.id.utf8) }
      #expect(try fixture.names(in: fixture.stores.folder.uploads).count == expected)
    }
    try fixture.close()
  }

  /// Neither an uploaded byte nor a temporary file is left.
  private func expectNothingLeft(_ fixture: JobsFixture) throws {
    #expect(try fixture.names(in: fixture.stores.folder.uploads).isEmpty)
    #expect(try fixture.names(in: fixture.stores.folder.temporary).isEmpty)
  }
}
