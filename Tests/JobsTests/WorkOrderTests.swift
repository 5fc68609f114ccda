import Contract
import Foundation
import Jobs
import Storage
import Testing

/// What the worker is told beside recipe and photos.
@Suite(.serialized) struct WorkOrderTests {
  /// Submits pictures whose bytes say what the scripted decoder is to find, and runs the job.
  private func run(
    _ fixture: JobsFixture, _ photos: [(UploadedPhoto, text: String, mask: String?)],
    _ configure: (inout JobDraft) -> Void = { _ in }
  ) async throws -> Job {
    func file(_ text: String) throws -> URL {
      let file = fixture.stores.folder.temporary.appending(path: UUID().uuidString)
      try Data(text.utf8).write(to: file)
      return file
    }
    let model = try #require(try await fixture.models.find("tiny"))
    var draft = JobDraft(
      config: "{}", recipe: TrainingRecipe(classNoun: "dog"),
      baseModel: BaseModelReference(id: "tiny", sha256: model.sha256), build: "test")
    configure(&draft)
    let incoming = try photos.map {
      JobQueue.IncomingPhoto($0.0, file: try file($0.text), mask: try $0.mask.map(file))
    }
    let creation = try await fixture.queue.submit(draft, photos: incoming, idempotency: nil) { _ in
      Data()
    }
    guard case .created(let job, _) = creation else { throw JobError.notFound("new job") }
    return try await fixture.finished(job.id)
  }

  @Test func `captions, masks, subjects and class pictures reach the worker`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().keepingOrder().finished().write(for: fixture)
    try await fixture.running {
      let job = try await run(
        fixture,
        [
          (
            UploadedPhoto(
              fileName: "x/toby.jpg", bytes: 1, caption: "a {id}", maskName: "toby.mask.png"),
            "fine 1", "mask"
          ),
          (UploadedPhoto(fileName: "mia.jpg", bytes: 1), "fine 2", nil),
          (UploadedPhoto(role: .classPrior, fileName: "c.jpg", bytes: 1), "fine 3", nil),
        ]
      ) {
        $0.recipe.prior.source = .uploaded
        $0.recipe.otherSubjects = [.init(classNoun: "cat")]
        $0.subjectImages = [
          SubjectImages(images: ["toby"], classImages: []),
          SubjectImages(images: ["mia"], classImages: ["c"]),
        ]
      }
      #expect(job.status == .succeeded)
      let order = try fixture.order(ofJob: job.id, epoch: 1)
      let dataset = try #require(try await fixture.stores.datasets.find(job.datasetId))
      func picture(_ position: Int) throws -> WorkOrder.Picture {
        let id = dataset.images[position].id
        return try #require((order.images + (order.classImages ?? [])).first { $0.id == id })
      }
      #expect(order.images.count == 2)
      let toby = try picture(0)
      #expect((toby.subject, toby.caption) == (0, "a {id}"))
      let mask = try #require(toby.mask)
      #expect(try String(contentsOf: mask, encoding: .utf8) == "pixels of mask")
      let mia = try picture(1)
      #expect((mia.subject, mia.caption, mia.mask) == (1, nil, nil))
      #expect(try picture(2).subject == 1)
      #expect(order.classImages?.map(\.id) == [dataset.images[2].id])
      // Masks are blobs that somebody refers to, so a restart keeps them.
      #expect(try await fixture.stores.datasets.usedBlobs().count == 4)
    }
    #expect(try fixture.names(in: fixture.stores.folder.temporary).isEmpty)
    #expect(try fixture.names(in: fixture.stores.folder.uploads).isEmpty)
    try fixture.close()
  }

  @Test func `P16 a photo whose mask is no picture is rejected with it`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().keepingOrder().finished().write(for: fixture)
    let photo = UploadedPhoto(fileName: "a.jpg", bytes: 1, maskName: "a.png")
    try await fixture.running {
      let job = try await run(fixture, [(photo, "fine 1", "rejected")])
      #expect(job.error?.code == .imagesRejected)
      #expect(job.error?.message.hasPrefix("images/0: its mask: ") == true)
      let skipped = try await run(
        fixture, [(photo, "fine 1", "rejected"), (photo, "fine 2", "mask")]
      ) { $0.onRejectedImage = .skip }
      #expect(skipped.status == .succeeded)
      #expect(try fixture.order(ofJob: skipped.id, epoch: 1).images.count == 1)
    }
    #expect(try fixture.names(in: fixture.stores.folder.temporary).isEmpty)
    try fixture.close()
  }

  @Test func `a subject of which no photo is left fails the job, whatever is skipped`() async throws
  {
    let fixture = try await JobsFixture()
    try await fixture.running {
      let job = try await run(
        fixture,
        [
          (UploadedPhoto(fileName: "a.jpg", bytes: 1), "fine 1", nil),
          (UploadedPhoto(fileName: "b.jpg", bytes: 1), "rejected", nil),
        ]
      ) {
        $0.onRejectedImage = .skip
        $0.subjectImages = [SubjectImages(images: ["a"]), SubjectImages(images: ["b"])]
      }
      #expect(job.error?.code == .imagesRejected)
    }
    try fixture.close()
  }

  @Test func `a job begins with checkpoints of another, though the other's are gone`() async throws
  {
    let fixture = try await JobsFixture()
    try WorkerScript().keepingOrder().started().checkpoint(5).finished().write(for: fixture)
    try await fixture.running {
      let first = try await fixture.finished(try await fixture.submit().id)
      let checkpoint = try #require(
        try await fixture.stores.checkpoints.list(ofJob: first.id).first)
      let source = CheckpointSource(
        CheckpointReference(checkpoint),
        in: fixture.stores.folder.file(ofJob: first.id, checkpoint.folder))
      let second = try await fixture.submit { $0.initFrom = source }
      try FileIO.remove(source.folder)
      #expect(try await fixture.finished(second.id).status == .succeeded)
      let order = try fixture.order(ofJob: second.id, epoch: 1)
      #expect(order.initFrom?.path == fixture.stores.folder.initFrom(ofJob: second.id).path)
      #expect(order.resumeFrom == nil)
      let kept = CheckpointSource(
        CheckpointReference(checkpoint), in: fixture.stores.folder.initFrom(ofJob: second.id))
      let third = try await fixture.submit { $0.resumeFrom = kept }
      #expect(try await fixture.finished(third.id).status == .succeeded)
      #expect(
        try fixture.order(ofJob: third.id, epoch: 1).resumeFrom?.path
          == fixture.stores.folder.resumeFrom(ofJob: third.id).path)
      let weights = kept.folder.appending(path: "weights")
      try FileIO.remove(weights)
      try Data("damaged".utf8).write(to: weights)
      let fourth = try await fixture.submit { $0.initFrom = kept }
      #expect(try await fixture.finished(fourth.id).error?.code == .checkpointCorrupt)
    }
    try fixture.close()
  }
}
