import Contract
import Foundation
import HTTP
import Jobs
import Storage
import Testing

@testable import API

/// Jobs made from jobs: `retry`, `clone`, `init_from`.
@Suite struct JobDerivationTests {
  let service: ServiceFixture
  init() async throws { service = try await ServiceFixture() }

  private func finished(
    _ job: String = #"{"class_noun":"dog","training":{"seed":7}}"#
  ) async throws -> Job {
    let id = try #require(try await service.create(job).json["id"] as? String)
    try await service.run(id)
    return try #require(try await service.stores.jobs.find(id))
  }

  private func derive(_ job: Job, _ action: String, _ body: String = "{}") async throws -> Job {
    let answer = try await service.post("/v1/jobs/\(job.id)/\(action)", body)
    let text = String(decoding: try answer.data, as: UTF8.self)
    try #require(answer.status == 202, "\(text)")
    let id = try #require(try answer.json["id"] as? String)
    #expect(answer.headers["Location"] == "/v1/jobs/\(id)")
    return try #require(try await service.stores.jobs.find(id))
  }

  @Test func `a retry is a new job with the same recipe, seed and photos`() async throws {
    let job = try await finished(#"{"class_noun":"dog","name":"toby","priority":3}"#)
    let again = try await derive(job, "retry")
    #expect(again.id != job.id)
    #expect(again.status == .queued)
    #expect(again.retriedFrom == job.id)
    #expect(again.recipe == job.recipe)
    #expect((again.name, again.priority, again.config) == (job.name, job.priority, job.config))
    #expect(again.datasetId == job.datasetId)
    #expect(again.resumeFrom == nil)
    let answer = try await service.send("GET", "/v1/jobs/\(again.id)").json
    #expect(answer["retried_from"] as? String == job.id)
    let events = try await service.stores.events.list(ofJob: again.id).items
    #expect(events.map(\.type) == [.jobCreated, .jobQueued])
  }

  @Test func `a retry goes on from a checkpoint that it keeps for itself`() async throws {
    let job = try await finished()
    let checkpoint = try #require(try await service.stores.checkpoints.list(ofJob: job.id).first)
    let again = try await derive(job, "retry", #"{"from":"\#(checkpoint.id)"}"#)
    #expect(again.resumeFrom == CheckpointReference(checkpoint))
    let (theirs, ours) = (
      service.stores.folder.file(ofJob: job.id, checkpoint.folder),
      service.stores.folder.resumeFrom(ofJob: again.id)
    )
    try FileIO.remove(theirs)
    #expect(FileManager.default.contents(atPath: ours.appending(path: "w").path) == Data([1]))
  }

  @Test func `only a job that has ended is tried again`() async throws {
    let id = try #require(try await service.create().json["id"] as? String)
    let refused = try await service.post("/v1/jobs/\(id)/retry", "{}")
    #expect(refused.status == 409)
    #expect(try refused.json["current_status"] as? String == "validating")
    // Cancelled before its photos were looked at: nothing is left to try again with.
    _ = try await service.send("POST", "/v1/jobs/\(id)/cancel")
    let spent = try await service.post("/v1/jobs/\(id)/retry", "{}")
    #expect(spent.status == 409)
    #expect(spent.code == "illegal_transition")
  }

  @Test func `a clone without changes has the same recipe, seed included`() async throws {
    let job = try await finished(#"{"class_noun":"dog","method":{"type":"lora"}}"#)
    let copy = try await derive(job, "clone")
    #expect(copy.recipe == job.recipe)
    #expect(copy.clonedFrom == job.id)
    #expect(copy.datasetId == job.datasetId)
    #expect(copy.baseModel == job.baseModel)
  }

  @Test func `changes are laid over the request, and choices left open are made anew`()
    async throws
  {
    let job = try await finished(
      #"{"class_noun":"dog","training":{"learning_rate":1e-5},"method":{"prior":{"weight":2}}}"#)
    let longer = try await derive(
      job, "clone", #"{"set":{"training":{"steps":1200},"method":{"prior":{"images":3}}}}"#)
    #expect(longer.recipe.training.steps == 1200)
    #expect(longer.recipe.training.learningRate == 1e-5)
    #expect(longer.recipe.training.checkpointEvery == 100)
    #expect(longer.recipe.training.seed == job.recipe.training.seed)
    #expect((longer.recipe.prior.weight, longer.recipe.prior.images) == (2, 3))
    // null takes a choice back.
    let back = try await derive(longer, "clone", #"{"set":{"training":{"steps":null}}}"#)
    #expect(back.recipe.training.steps == 300)
    #expect(back.recipe.prior.images == 3)
    let other = try await derive(job, "clone", #"{"set":{"method":{"type":"lora"}}}"#)
    #expect(other.recipe.method == .lora)
  }

  @Test func `faults of a clone point into its body`() async throws {
    let job = try await finished()
    for (body, faults) in [
      (#"{"set":{"training":{"steps":0}}}"#, ["/set/training/steps out_of_range"]),
      (#"{"set":{"method":{"rank":4}}}"#, ["/set/method/rank other_method"]),
      (#"{"set":[]}"#, ["/set wrong_type"]), (#"{"sett":{}}"#, ["/sett unknown_field"]),
      (#"{"init_from":"ckpt_1"}"#, ["/init_from not_found"]),
      (
        #"{"set":{"method":{"prior":{"source":"uploaded"}}}}"#, ["class_images required"]
      ),
      (
        #"{"set":{"class_noun":null,"subjects":[{"class_noun":"a","images":["x"]},{"class_noun":"b","images":["0"]}]}}"#,
        ["/subjects/0/images/0 unmatched"]
      ),
    ] {
      let response = try await service.post("/v1/jobs/\(job.id)/clone", body)
      #expect(response.status == 422)
      #expect(response.faults == faults)
    }
    #expect(try await service.stores.jobs.counts()[.queued] == nil)
  }

  @Test func `a changed base model cannot give the same bits, and says so`() async throws {
    let job = try await finished()
    let file = service.root.appending(path: "models/starter/unet/config.json")
    try Data(#"{"sample_size":8}"#.utf8).write(to: file)
    for action in ["retry", "clone"] {
      let refused = try await service.post("/v1/jobs/\(job.id)/\(action)", "{}")
      #expect(refused.faults == ["/base_model base_model_changed"])
    }
    let moved = try await derive(job, "clone", #"{"set":{"base_model":"starter"}}"#)
    #expect(moved.baseModel.sha256 != job.baseModel.sha256)
  }

  @Test func `P12 the same key makes one new job`() async throws {
    let job = try await finished()
    let target = "/v1/jobs/\(job.id)/clone"
    let first = try await service.post(target, "{}", ["Idempotency-Key": "k"])
    let second = try await service.post(target, "{ }", ["Idempotency-Key": "k"])
    #expect(first.status == 202)
    #expect(second.headers["Idempotent-Replayed"] == "true")
    #expect(second.headers["Location"] == first.headers["Location"])
    let other = try await service.post(
      target, #"{"set":{"priority":1}}"#, ["Idempotency-Key": "k"])
    #expect(other.code == "idempotency_key_reused")
    #expect(try await service.stores.jobs.counts()[.queued] == 1)
  }

  @Test func `init_from takes a checkpoint of the same shape and names what differs`()
    async throws
  {
    let lora = #""class_noun":"dog","method":{"type":"lora","rank":4}"#
    let job = try await finished("{\(lora)}")
    let checkpoint = try #require(try await service.stores.checkpoints.list(ofJob: job.id).first)
    for start in [#"{"job":"\#(job.id)"}"#, #"{"checkpoint":"\#(checkpoint.id)"}"#] {
      let made = try await service.create("{\(lora),\"init_from\":\(start)}")
      #expect(made.status == 202)
      let id = try #require(try made.json["id"] as? String)
      let next = try #require(try await service.stores.jobs.find(id))
      #expect(next.initFrom == CheckpointReference(checkpoint))
      let config = try made.json["resolved_config"] as? [String: Any]
      #expect((config?["init_from"] as? [String: String]) == ["checkpoint": checkpoint.id])
    }
    let start = #""init_from":{"job":"\#(job.id)"}"#
    let wider = try await service.create(
      #"{"class_noun":"dog","method":{"type":"lora","rank":8,"dora":true},\#(start)}"#)
    #expect(wider.faults == ["/method/rank differs", "/method/dora differs"])
    let other = try await service.create(#"{"class_noun":"dog",\#(start)}"#)
    #expect(other.faults == ["/method/type differs"])
    let data = service.stores.folder
    #expect(try FileManager.default.contentsOfDirectory(atPath: data.temporary.path) == [])
  }

  @Test func `a clone begins as its original did, after the other's checkpoint is gone`()
    async throws
  {
    let job = try await finished()
    let checkpoint = try #require(try await service.stores.checkpoints.list(ofJob: job.id).first)
    let second = try await finished(#"{"class_noun":"dog","init_from":{"job":"\#(job.id)"}}"#)
    try await service.stores.checkpoints.remove(checkpoint.id)
    try FileIO.remove(service.stores.folder.file(ofJob: job.id, checkpoint.folder))
    for body in ["{}", #"{"set":{"training":{"steps":9}}}"#] {
      let third = try await derive(second, "clone", body)
      #expect(third.initFrom == CheckpointReference(checkpoint))
      let file = service.stores.folder.initFrom(ofJob: third.id).appending(path: "w")
      #expect(FileManager.default.contents(atPath: file.path) == Data([1]))
    }
    let plain = try await derive(second, "clone", #"{"init_from":null}"#)
    #expect(plain.initFrom == nil)
  }
}
