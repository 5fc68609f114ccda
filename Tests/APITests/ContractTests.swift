import Foundation
import HTTP
import Jobs
import Storage
import Testing

@testable import API

@Suite struct ContractTests {
  let contract: OpenAPI
  let service: ServiceFixture

  init() async throws {
    contract = try OpenAPI()
    service = try await ServiceFixture()
  }

  @Test func `the route table and openapi.yaml hold the same operations`() async throws {
    let routes = service.server.routes.map {
      "\($0.operationID) \($0.method) \($0.pattern.replacingOccurrences(of: "+}", with: "}"))"
    }
    let documented = contract.operations.map { "\($0.id) \($0.method) \($0.path)" }
    #expect(routes.sorted() == documented.sorted())
    #expect(documented.count == Set(documented).count)
    for operation in contract.operations {
      let route = service.server.routes.first { $0.operationID == operation.id }
      let open = (operation.node["security"] as? [Any])?.isEmpty == true
      #expect((route?.access == .open) == open, "\(operation.id)")
    }
  }

  /// Holds an answer to what is documented for its operation and status.
  private func check(_ response: Response, _ id: String, status: Int) throws {
    let operation = try #require(contract.operations.first { $0.id == id })
    let data = try response.data
    #expect(response.status == status, "\(id): \(String(decoding: data, as: UTF8.self))")
    let responses = operation.node["responses"] as? [String: [String: Any]] ?? [:]
    let documented = contract.resolve(
      try #require(responses["\(response.status)"], "\(id): \(response.status) is not documented"))
    for (name, node) in documented["headers"] as? [String: [String: Any]] ?? [:]
    where node["required"] as? Bool == true {
      #expect(response.headers[name] != nil, "\(id): header \(name)")
    }
    let content = documented["content"] as? [String: [String: Any]] ?? [:]
    guard !content.isEmpty else {
      #expect(data.isEmpty || response.status == 206, "\(id)")
      return
    }
    let type = response.headers["Content-Type"]?.prefix { $0 != ";" } ?? ""
    let media = try #require(content[String(type)], "\(id): \(type) is not documented")
    guard type == "application/json" || type.hasSuffix("+json"), response.status != 206,
      let schema = media["schema"] as? [String: Any]
    else { return }
    let value = try JSONSerialization.jsonObject(with: data)
    #expect(contract.faults(value, schema) == [], "\(id)")
  }

  @Test func `every operation answers as documented over the life of a job`() async throws {
    try check(try await service.create(query: "?dry_run=true"), "createJob", status: 200)
    let full = """
      {"name":"toby","class_noun":"teddy bear","identifier":"xjy","base_model":"starter",
       "method":{"type":"dreambooth","train_text_encoder":"auto",
         "prior":{"enabled":true,"weight":1.0,"images":2,"source":"generate","sampler":"ddim",
           "steps":2,"cfg":7.5}},
       "training":{"steps":4,"learning_rate":1e-5,"warmup_steps":0,"batch_size":1,
         "gradient_accumulation":1,"precision":"f32","seed":42,"adam_beta1":0.9,"adam_beta2":0.999,
         "adam_epsilon":1e-8,"weight_decay":0.01,"max_gradient_norm":1,"min_snr_gamma":null,
         "offset_noise":0.0,"ema_decay":0.99,"flip":false,"checkpoint_every":2,
         "keep_checkpoints":1,"resolution":64},
       "samples":{"every":2,"prompts":["a {id} {class} in the snow"],"negative_prompt":"blurry",
         "seeds":[1,2],"sampler":"euler_a","steps":2,"cfg":3},
       "evaluation":{"metrics":["clip_i","clip_t"],"on":"checkpoint"},
       "exports":["diffusers"],"on_rejected_image":"skip","priority":1,"max_attempts":2,
       "deadline":null,"webhook":null,"metadata":{"user":"42"}}
      """
    let made = try await service.create(full)
    try check(made, "createJob", status: 202)
    let id = try #require(try made.json["id"] as? String)
    let home = "/v1/jobs/\(id)"
    #expect(made.headers["Location"] == home)
    try check(try await service.send("GET", home), "getJob", status: 200)
    try check(
      try await service.send("GET", "\(home)/samples/grid.png"), "getSampleGrid", status: 404)
    try check(try await service.send("GET", "\(home)/reports/latest"), "getReport", status: 404)
    try await service.run(id)
    let other = try #require(try await service.create().json["id"] as? String)
    let dataset = try #require(try await service.stores.jobs.find(id)?.datasetId)
    let image = try #require(try await service.stores.datasets.find(dataset)?.images.first?.id)
    let sample = try #require(try await service.stores.samples.list(ofJob: id).first?.id)
    let report = try #require(try await service.stores.reports.list(ofJob: id).first?.id)
    let artifact = try #require(try await service.stores.artifacts.list(ofJob: id).first?.id)

    let gets: [(String, String)] = [
      ("getJob", home), ("listJobs", "/v1/jobs?status=succeeded&metadata.user=42&order=asc"),
      ("listEvents", "\(home)/events?types=job.*&limit=2"), ("listMetrics", "\(home)/metrics"),
      ("getLog", "\(home)/logs"), ("listSamples", "\(home)/samples"),
      ("getSample", "\(home)/samples/\(sample)"), ("getSampleGrid", "\(home)/samples/grid.png"),
      ("listCheckpoints", "\(home)/checkpoints"), ("listReports", "\(home)/reports"),
      ("getReport", "\(home)/reports/\(report)"), ("getReport", "\(home)/reports/latest"),
      ("getReportPNG", "\(home)/reports/latest/report.png"),
      ("listArtifacts", "\(home)/artifacts"), ("getArtifact", "\(home)/artifacts/\(artifact)"),
      ("getArtifactFile", "\(home)/artifacts/\(artifact)/files/unet/weights.safetensors"),
      ("getRecipe", "\(home)/recipe"), ("getDataset", "/v1/datasets/\(dataset)"),
      ("getDatasetImage", "/v1/datasets/\(dataset)/images/\(image)/content"),
      ("listBaseModels", "/v1/base_models"), ("getBaseModel", "/v1/base_models/starter"),
      ("getCapabilities", "/v1/capabilities"), ("getQueue", "/v1/queue"),
      ("getHealth", "/healthz"), ("getReadiness", "/readyz"), ("getMetrics", "/metrics"),
      ("getOpenAPI", "/openapi.json"), ("getProblem", "/problems/not_found"),
    ]
    #expect(
      Set(gets.map(\.0)).union([
        "createJob", "cancelJob", "retryJob", "cloneJob", "listIdentifiers",
        "getIdentifierPicture",
      ])
        == Set(contract.operations.map(\.id)))
    for (operation, target) in gets {
      let response = try await service.send("GET", target)
      try check(response, operation, status: 200)
      if let etag = response.headers["ETag"] {
        let again = try await service.send("GET", target, ["If-None-Match": etag])
        try check(again, operation, status: 304)
      }
      if response.headers["Accept-Ranges"] != nil {
        let other = try await service.send("GET", target, ["If-Match": "\"another\""])
        try check(other, operation, status: 412)
      }
      if !["/metrics", "/openapi.json", "/problems/not_found"].contains(
        target)
      {
        let misspelt = target + (target.contains("?") ? "&" : "?") + "zoom=1"
        try check(try await service.send("GET", misspelt), operation, status: 400)
      }
    }
    let picture = try await service.send(
      "GET", "\(home)/reports/latest", ["Accept": "image/png"])
    try check(picture, "getReport", status: 200)
    #expect(picture.headers["Content-Type"] == "image/png")
    let lines = try await service.send(
      "GET", "\(home)/metrics?since_step=1&stride=2", ["Accept": "application/x-ndjson"])
    try check(lines, "listMetrics", status: 200)
    #expect(String(decoding: try lines.data, as: UTF8.self).split(separator: "\n").count == 2)

    try check(try await service.send("POST", "\(home)/cancel"), "cancelJob", status: 409)
    let cancel = "/v1/jobs/\(other)/cancel"
    try check(try await service.send("POST", cancel), "cancelJob", status: 202)
    let again = try await service.send(
      "POST", cancel, ["Content-Type": "application/json"], body: Data(#"{"mode":"now"}"#.utf8))
    try check(again, "cancelJob", status: 200)
    for (body, type, status) in [
      ("{", "application/json", 400), (#"{"mode":"soon"}"#, "application/json", 422),
      (#"{"keep":"none"}"#, "application/json", 422), ("mode=now", "text/plain", 415),
    ] {
      let response = try await service.send(
        "POST", cancel, ["Content-Type": type], body: Data(body.utf8))
      try check(response, "cancelJob", status: status)
    }
  }

  @Test func `jobs of every method, and jobs made from jobs, answer as documented`() async throws {
    for fields in MethodRequestTests.requests {
      let made = try await service.create("{\"class_noun\":\"dog\",\(fields)}")
      try check(made, "createJob", status: 202)
    }
    let files: [ServiceFixture.File] = [
      .init("images", "toby1.jpg"), .init(caption: "a {id} {class}", "toby1.txt"),
      .init("masks", "toby1.mask.png"), .init("images", "mia1.jpg"),
      .init("class_images", "toby-class.jpg"), .init("class_images", "mia-class.jpg"),
    ]
    let several = """
      {"subjects":[{"class_noun":"dog","images":["toby"],"class_images":["toby"]},
        {"class_noun":"cat","images":["mia"],"class_images":["mia"]}],
       "method":{"type":"custom_diffusion","prior":{"source":"uploaded"}}}
      """
    try check(
      try await service.upload(several, files, query: "?dry_run=true"), "createJob", status: 200)
    let made = try await service.upload(several, files)
    try check(made, "createJob", status: 202)
    let id = try #require(try made.json["id"] as? String)
    let home = "/v1/jobs/\(id)"
    try check(try await service.post("\(home)/clone", "{}"), "cloneJob", status: 409)
    try await service.run(id)
    let dataset = try #require(try await service.stores.jobs.find(id)?.datasetId)
    try check(try await service.send("GET", "/v1/datasets/\(dataset)"), "getDataset", status: 200)
    let image = try #require(try await service.stores.datasets.find(dataset)?.photos.first?.id)
    try check(
      try await service.send("GET", "/v1/datasets/\(dataset)/images/\(image)/content?view=mask"),
      "getDatasetImage", status: 200)
    for (action, operation) in [("retry", "retryJob"), ("clone", "cloneJob")] {
      try check(try await service.send("POST", "\(home)/\(action)"), operation, status: 202)
      for (body, type, status) in [
        ("{", "application/json", 400), (#"{"no":1}"#, "application/json", 422),
        ("x", "text/plain", 415),
      ] {
        let response = try await service.send(
          "POST", "\(home)/\(action)", ["Content-Type": type], body: Data(body.utf8))
        try check(response, operation, status: status)
      }
      let nobody = "/v1/jobs/job_" + String(repeating: "0", count: 26)
      try check(try await service.post("\(nobody)/\(action)", "{}"), operation, status: 404)
      try check(
        try await service.post("\(home)/\(action)?zoom=1", "{}"), operation, status: 400)
    }
    service.queue.drain()
    try check(try await service.post("\(home)/clone", "{}"), "cloneJob", status: 503)
  }

  @Test func `P37 words are looked at once, and seen before they are trained`() async throws {
    try service.prepareIdentifiers()
    let home = "/v1/base_models/starter/identifiers"
    func ask(_ query: String, until status: Int) async throws -> Response {
      while true {
        let answer = try await service.send("GET", "\(home)?\(query)")
        if answer.status == status { return answer }
        try check(answer, "listIdentifiers", status: 202)
        #expect(answer.headers["Retry-After"] != nil)
        try await Task.sleep(for: .milliseconds(20))
      }
    }
    let ready = try await ask("class=dog&n=1", until: 200)
    try check(ready, "listIdentifiers", status: 200)
    let etag = try #require(ready.headers["ETag"])
    let again = try await service.send(
      "GET", "\(home)?class=dog&n=1", ["If-None-Match": etag])
    try check(again, "listIdentifiers", status: 304)
    let candidates = try #require(try ready.json["candidates"] as? [[String: Any]])
    let picture = try #require((candidates[0]["with_class_urls"] as? [String])?.first)
    try check(try await service.send("GET", picture), "getIdentifierPicture", status: 200)
    let failed = try await ask("class=dog&tokens=sks,fail", until: 500)
    try check(failed, "listIdentifiers", status: 500)
    #expect(try failed.json["detail"] as? String == "this model knows no words")
    for query in [
      "n=3", "class=dog;", "class=dog&n=0", "class=dog&n=21", "class=dog&tokens=a,a",
      "class=dog&tokens=--base", "class=dog&zoom=1",
    ] {
      try check(
        try await service.send("GET", "\(home)?\(query)"), "listIdentifiers", status: 400)
    }
    for target in ["../starter", "..%2fdata", "nothing"] {
      try check(
        try await service.send("GET", "/v1/base_models/\(target)/identifiers?class=dog"),
        "listIdentifiers", status: 404)
    }
    let folder = picture.prefix { $0 != "?" }.split(separator: "/").dropLast().joined(
      separator: "/")
    for name in ["/\(folder)/identifiers.json", "/\(folder)/..%2fgrid.png", "\(home)/x/grid.png"] {
      try check(try await service.send("GET", name), "getIdentifierPicture", status: 404)
    }
    service.queue.drain()
    try check(
      try await service.send("GET", "\(home)?class=cat"), "listIdentifiers", status: 503)
  }

  @Test func `P11 what is not there is 404, never an empty object`() async throws {
    let made = try await service.create()
    let id = try #require(try made.json["id"] as? String)
    let nobody = "job_" + String(repeating: "0", count: 26)
    for (operation, target) in [
      ("getJob", "/v1/jobs/\(nobody)"), ("getJob", "/v1/jobs/..%2f..%2fetc"),
      ("listEvents", "/v1/jobs/\(nobody)/events"), ("listMetrics", "/v1/jobs/\(nobody)/metrics"),
      ("getLog", "/v1/jobs/\(nobody)/logs"), ("getRecipe", "/v1/jobs/\(nobody)/recipe"),
      ("listSamples", "/v1/jobs/\(nobody)/samples"), ("getSample", "/v1/jobs/\(id)/samples/x"),
      ("getReport", "/v1/jobs/\(id)/reports/x"), ("getArtifact", "/v1/jobs/\(id)/artifacts/x"),
      ("getArtifactFile", "/v1/jobs/\(id)/artifacts/x/files/../../secret"),
      ("listCheckpoints", "/v1/jobs/\(nobody)/checkpoints"),
      ("listReports", "/v1/jobs/\(nobody)/reports"),
      ("listArtifacts", "/v1/jobs/\(nobody)/artifacts"), ("getDataset", "/v1/datasets/x"),
      ("getDatasetImage", "/v1/datasets/x/images/y/content"),
      ("getBaseModel", "/v1/base_models/..%2fdata"), ("getProblem", "/problems/nothing"),
      ("listJobs", "/v1/jobs?after=\(nobody)"),
    ] {
      try check(try await service.send("GET", target), operation, status: 404)
    }
    try check(try await service.send("POST", "/v1/jobs/\(nobody)/cancel"), "cancelJob", status: 404)
  }

  @Test func `every problem has a page`() async throws {
    for kind in ProblemPages.kinds {
      #expect(ProblemPages.page(kind.code) != nil, "\(kind.code)")
    }
    #expect(Set(ProblemPages.advice.keys) == Set(ProblemPages.kinds.map(\.code)))
    let events = try await service.send(
      "GET", "/v1/jobs/\(try #require(try await service.create().json["id"] as? String))/events",
      ["Accept": "text/event-stream"])
    try check(events, "listEvents", status: 406)
  }

  @Test func `a full queue, a full disk and a stopping service say so`() async throws {
    let full = try await ServiceFixture(queueLimit: 1)
    try check(try await full.create(), "createJob", status: 202)
    let refused = try await full.create()
    try check(refused, "createJob", status: 429)
    #expect(refused.headers["Retry-After"] != nil)
    #expect(try refused.json["limit"] as? Int == 1)
    let disk = try await ServiceFixture(disk: FixedDisk(free: 0))
    try check(try await disk.create(), "createJob", status: 507)
    let unready = try await disk.send("GET", "/readyz")
    try check(unready, "getReadiness", status: 503)
    #expect(unready.code == "not_ready")
    #expect(unready.headers["Retry-After"] != nil)
    let small = try await ServiceFixture(memory: 95)
    let unfit = try await small.create()
    try check(unfit, "createJob", status: 422)
    #expect(unfit.code == "will_not_fit")
    full.queue.drain()
    try check(try await full.create(), "createJob", status: 503)
    try check(try await full.send("GET", "/readyz"), "getReadiness", status: 503)
    try check(try await full.send("GET", "/v1/jobs"), "listJobs", status: 200)
  }

  @Test func `a refused request leaves nothing on the disk`() async throws {
    for response in [
      try await service.create(#"{"class_noun":"dog","steps":1}"#),
      try await service.create(images: []),
      try await service.create(query: "?dry_run=true"),
    ] {
      #expect(response.status == 422 || response.status == 200)
    }
    let data = service.stores.folder
    for folder in [data.temporary, data.uploads, data.jobs] {
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
    #expect(try await service.stores.jobs.counts().isEmpty)
  }
}
