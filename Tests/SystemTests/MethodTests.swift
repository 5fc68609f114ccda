import Foundation
import TestSupport
import Testing

/// Every method over HTTP, from photos to files; and jobs made from jobs.
@Suite(.serialized) struct MethodTests {
  private func serving(_ body: (RunningService) async throws -> Void) async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    try await body(service)
    #expect(try await service.stop() == 0)
  }

  private func succeed(_ id: String, _ service: RunningService) async throws {
    // Workers are of low priority: on a machine that builds something else they wait.
    let job = try await service.finished(id, seconds: 900)
    #expect(job["status"] as? String == "succeeded", "\(job)")
  }

  private func formats(_ id: String, _ service: RunningService) async throws -> [String] {
    let list = try await service.get("/v1/jobs/\(id)/artifacts").json["data"]
    return (list as? [[String: Any]] ?? []).compactMap { $0["format"] as? String }
  }

  static let methods: [(method: String, exports: [String])] = [
    ("lora", ["lora_kohya", "lora_peft"]), ("textual_inversion", ["ti_diffusers", "ti_kohya"]),
    ("pivotal_tuning", ["lora_kohya", "lora_peft", "ti_diffusers", "ti_kohya"]),
  ]

  @Test(arguments: methods.indices)
  func `a method trains and leaves the files of its kind`(index: Int) async throws {
    let (method, exports) = Self.methods[index]
    try await serving { service in
      let id = try await service.submit(
        job: Subjects.job(method: ["type": method]), photos: Subjects.photos)
      try await succeed(id, service)
      #expect(try await formats(id, service) == exports)
      let digests = try await service.digests(of: id)
      #expect(digests.count == exports.count)
      let samples = try await service.get("/v1/jobs/\(id)/samples").json["data"] as? [Any]
      #expect(samples?.isEmpty == false)
      // The word, or the rank, decides the file: a clone without changes repeats every bit.
      let copy = try service.id(of: try await service.post("/v1/jobs/\(id)/clone"))
      try await succeed(copy, service)
      #expect(try await service.digests(of: copy) == digests)
      let other = try service.id(
        of: try await service.post(
          "/v1/jobs/\(id)/clone", #"{"set":{"training":{"seed":2}}}"#))
      try await succeed(other, service)
      #expect(try await service.digests(of: other) != digests)
    }
  }

  @Test func `P40 two subjects, with captions and a mask, go into one model`() async throws {
    try await serving { service in
      let row = (0..<96).map { $0 < 48 ? UInt8(255) : 0 }
      let mask = PNGFile.file(
        width: 96, height: 96, color: 0, rows: Array(repeating: row, count: 96))
      let id = try await service.submit(
        job: Subjects.job(
          method: ["type": "custom_diffusion", "prior": ["images": 2, "steps": 2]],
          exports: ["diffusers", "ti_diffusers"],
          [
            "class_noun": NSNull(),
            "subjects": [
              ["class_noun": "dog", "identifier": "toby", "images": ["photo-0", "photo-1"]],
              ["class_noun": "cat", "images": ["photo-2", "photo-3", "photo-4"]],
            ],
          ]), photos: Subjects.photos,
        companions: [
          ("captions", "photo-1.txt", "text/plain", Data("a {id} {class} in the snow".utf8)),
          ("masks", "photo-0.mask.png", "image/png", Data(mask)),
        ])
      try await succeed(id, service)
      #expect(try await formats(id, service) == ["diffusers", "ti_diffusers"])
      let job = try await service.get("/v1/jobs/\(id)").json
      #expect((job["identifier"] as? [String: Any])?["text"] as? String == "<toby>")
    }
  }

  @Test func `the downloaded recipe gives the same bits on the command line`() async throws {
    try await serving { service in
      let folder = try Subjects.folder()
      defer { try? FileManager.default.removeItem(at: folder) }
      let id = try await service.submit(job: Subjects.job(steps: 4), photos: Subjects.photos)
      try await succeed(id, service)
      let recipe = try await service.get("/v1/jobs/\(id)/recipe")
      try recipe.body.write(to: folder.appending(path: "recipe.json"))
      let photos = folder.appending(path: "photos")
      try FileManager.default.createDirectory(at: photos, withIntermediateDirectories: true)
      let dataset = try #require(recipe.json["dataset_id"] as? String)
      for image in recipe.json["images"] as? [[String: Any]] ?? [] {
        let picture = image["id"] as? String ?? ""
        let content = try await service.get("/v1/datasets/\(dataset)/images/\(picture)/content")
        try content.body.write(to: photos.appending(path: "\(picture).png"))
      }
      let train = Process()
      train.executableURL = RunningService.binary
      train.arguments = [
        "train", "--base", "starter", "--images", photos.path, "--recipe",
        folder.appending(path: "recipe.json").path, "--output",
        folder.appending(path: "out").path,
      ]
      train.currentDirectoryURL = RunningService.root
      train.standardError = FileHandle.nullDevice
      try train.run()
      while train.isRunning { try await Task.sleep(for: .milliseconds(50)) }
      #expect(train.terminationStatus == 0)
      let ours = try Data(
        contentsOf: folder.appending(
          path: "out/diffusers/unet/diffusion_pytorch_model.safetensors"))
      let artifacts = try await service.get("/v1/jobs/\(id)/artifacts").json["data"]
      let artifact = try #require((artifacts as? [[String: Any]])?.first?["id"] as? String)
      let theirs = try await service.get(
        "/v1/jobs/\(id)/artifacts/\(artifact)/files/unet/diffusion_pytorch_model.safetensors")
      #expect(theirs.status == 200 && ours == theirs.body)
    }
  }

  @Test func `a retry from a checkpoint ends as the unbroken run, and init_from begins another`()
    async throws
  {
    try await serving { service in
      let id = try await service.submit(
        job: Subjects.job(method: ["type": "lora"]), photos: Subjects.photos)
      try await succeed(id, service)
      let list = try await service.get("/v1/jobs/\(id)/checkpoints").json["data"]
      let checkpoints = try #require(list as? [[String: Any]])
      let early = checkpoints.first { $0["step"] as? Int == 2 }
      let checkpoint = try #require(early?["id"] as? String)
      let again = try service.id(
        of: try await service.post("/v1/jobs/\(id)/retry", #"{"from":"\#(checkpoint)"}"#))
      try await succeed(again, service)
      #expect(try await service.digests(of: again) == service.digests(of: id))
      let steps = try await service.get("/v1/jobs/\(again)/metrics").json["data"]
      #expect((steps as? [[String: Any]])?.compactMap { $0["step"] as? Int } == [3, 4])
      let next = try await service.submit(
        job: Subjects.job(method: ["type": "lora"], ["init_from": ["job": id]]),
        photos: Subjects.photos)
      try await succeed(next, service)
      #expect(try await service.digests(of: next) != service.digests(of: id))
    }
  }

  @Test func `P37 rare words are seen before one is trained`() async throws {
    try await serving { service in
      let path = "/v1/base_models/starter/identifiers?class=dog&n=2"
      var answer = try await service.get(path)
      while answer.status == 202 {
        try await Task.sleep(for: .milliseconds(200))
        answer = try await service.get(path)
      }
      #expect(answer.status == 200, "\(answer.text)")
      let candidates = try #require(answer.json["candidates"] as? [[String: Any]])
      #expect(candidates.count == 2)
      #expect(candidates.allSatisfy { $0["round_trips"] as? Bool == true })
      let picture = try #require((candidates[0]["with_class_urls"] as? [String])?.first)
      let png = try await service.get(picture)
      #expect(png.status == 200 && png.body.starts(with: PNGFile.signature))
    }
  }
}
