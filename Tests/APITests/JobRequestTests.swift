import Contract
import Foundation
import HTTP
import Storage
import Testing

@testable import API

@Suite struct JobRequestTests {
  let service: ServiceFixture
  init() async throws { service = try await ServiceFixture() }

  static let faults: [(String, [String])] = [
    (#"{}"#, ["/class_noun required"]), (#"[]"#, [" wrong_type", "/class_noun required"]),
    (#"{"class_noun":""}"#, ["/class_noun empty"]),
    (#"{"class_noun":"   "}"#, ["/class_noun empty"]),
    (#"{"class_noun":"{class}"}"#, ["/class_noun placeholder"]),
    (#"{"class_noun":"dog;"}"#, ["/class_noun invalid_character"]),
    (#"{"class_noun":"dog\u0000"}"#, ["/class_noun invalid_character"]),
    (#"{"class_noun":"🐕"}"#, ["/class_noun invalid_character"]),
    (#"{"class_noun":"12"}"#, ["/class_noun invalid_noun"]),
    (#"{"class_noun":" dog"}"#, ["/class_noun invalid_character"]),
    (#"{"class_noun":7}"#, ["/class_noun wrong_type"]),
    ("{\"class_noun\":\"\(String(repeating: "d", count: 65))\"}", ["/class_noun wrong_length"]),
    // One character of 65 code points.
    (
      "{\"class_noun\":\"d\(String(repeating: "\u{301}", count: 64))\"}",
      ["/class_noun wrong_length"]
    ),
    (
      "{\"class_noun\":\"dog\",\"name\":\"\(String(repeating: "e\u{301}", count: 101))\"}",
      ["/name wrong_length"]
    ),
    (
      #"{"class_noun":"dog","samples":{"seeds":[7,3,7.0,3]}}"#,
      ["/samples/seeds/2 repeated", "/samples/seeds/3 repeated"]
    ),
    (
      #"{"class_noun":"dog","samples":{"prompts":["a {id}","b","a {id}"]}}"#,
      ["/samples/prompts/2 repeated"]
    ),
    (
      #"{"class_noun":"dog","method":{"type":"lora","targets":["attention","attention"]}}"#,
      ["/method/targets/1 repeated"]
    ),
    (#"{"class_noun":"dog","training":{"steps":-1}}"#, ["/training/steps out_of_range"]),
    (#"{"class_noun":"dog","training":{"steps":0}}"#, ["/training/steps out_of_range"]),
    (#"{"class_noun":"dog","training":{"steps":100001}}"#, ["/training/steps out_of_range"]),
    (#"{"class_noun":"dog","training":{"steps":1.5}}"#, ["/training/steps wrong_type"]),
    (#"{"class_noun":"dog","training":{"steps":"8"}}"#, ["/training/steps wrong_type"]),
    (
      #"{"class_noun":"dog","training":{"learing_rate":1}}"#,
      ["/training/learing_rate unknown_field"]
    ),
    (
      #"{"class_noun":"dog","training":{"learning_rate":0}}"#,
      ["/training/learning_rate out_of_range"]
    ),
    (
      #"{"class_noun":"dog","training":{"seed":9007199254740992}}"#, ["/training/seed out_of_range"]
    ),
    (#"{"class_noun":"dog","training":{"seed":-2}}"#, ["/training/seed out_of_range"]),
    (
      #"{"class_noun":"dog","training":{"min_snr_gamma":0,"offset_noise":2,"unmasked_weight":-1}}"#,
      [
        "/training/min_snr_gamma out_of_range", "/training/offset_noise out_of_range",
        "/training/unmasked_weight out_of_range",
      ]
    ),
    (#"{"class_noun":"dog","training":[]}"#, ["/training wrong_type"]),
    (#"{"class_noun":"dog","base_model":"sd15"}"#, ["/base_model base_model_missing"]),
    (#"{"class_noun":"dog","base_model":"../data"}"#, ["/base_model base_model_missing"]),
    (#"{"class_noun":"dog","method":{"type":"magic"}}"#, ["/method/type invalid_choice"]),
    (
      #"{"class_noun":"dog","method":{"prior":{"images":0,"weight":-1}}}"#,
      ["/method/prior/weight out_of_range", "/method/prior/images out_of_range"]
    ),
    (#"{"class_noun":"dog","webhook":{"url":"https://example.org"}}"#, ["/webhook not_offered"]),
    (#"{"class_noun":"dog","dataset":"ds_1"}"#, ["/dataset not_offered"]),
    (#"{"class_noun":"dog","exports":["lora_peft"]}"#, ["/exports/0 other_method"]),
    (
      #"{"class_noun":"dog","exports":["diffusers","diffusers","onnx"]}"#,
      ["/exports/1 repeated", "/exports/2 invalid_choice"]
    ),
    (
      #"{"class_noun":"dog","evaluation":{"metrics":["clip_i","dino"]}}"#,
      ["/evaluation/metrics/1 not_offered"]
    ),
    (
      #"{"class_noun":"dog","samples":{"prompts":["a {name}"],"sampler":"plms"}}"#,
      ["/samples/prompts/0 placeholder", "/samples/sampler invalid_choice"]
    ),
    (#"{"class_noun":"dog","samples":{"seeds":[]}}"#, ["/samples/seeds wrong_count"]),
    (#"{"class_noun":"dog","identifier":"x y"}"#, ["/identifier invalid_character"]),
    (#"{"class_noun":"dog","metadata":{"a":1}}"#, ["/metadata/a invalid_metadata"]),
    (#"{"class_noun":"dog","a/b~c":1}"#, ["/a~1b~0c unknown_field"]),
    (
      #"{"priority":1000,"max_attempts":0,"class_noun":"dog","on_rejected_image":"ask"}"#,
      ["/on_rejected_image invalid_choice", "/priority out_of_range", "/max_attempts out_of_range"]
    ),
  ]

  @Test(arguments: faults.indices)
  func `every fault is told with its pointer, all at once`(index: Int) async throws {
    let (job, expected) = Self.faults[index]
    let response = try await service.create(job)
    #expect(response.status == 422)
    #expect(response.code == "invalid_request")
    #expect(response.faults == expected)
  }

  @Test(arguments: [
    "", "{", "nul", #"{"class_noun":"dog"}x"#, #"{"class_noun":"dog","class_noun":"cat"}"#,
    #"{"class_noun":"\ud800"}"#, #"{"class_noun":01}"#, #"{"a":1e999}"#, "{\"a\":\"\t\"}",
    "{'a':1}",
    #"{"a":[1,]}"#, "\u{FEFF}{}", #"{"a":NaN}"#, #"{"a":"\x"}"#, #"{"a":+1}"#,
    String(repeating: "[", count: 33) + String(repeating: "]", count: 33),
  ])
  func `broken, ambiguous and deep JSON is refused`(text: String) async throws {
    let response = try await service.create(text)
    #expect(response.status == 400)
    #expect(response.code == "malformed_json")
  }

  @Test func `nesting is allowed to its limit`() throws {
    let deep = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
    #expect(throws: Never.self) { _ = try StrictJSON.parse(Data(deep.utf8), source: "it") }
    let value = try StrictJSON.parse(
      Data(#"{"b":[1.0,2e2,"\u00e9\ud83d\ude00"],"a":null}"#.utf8), source: "it")
    #expect(value.canonical == #"{"a":null,"b":[1,200,"é😀"]}"#)
  }

  @Test func `auto, null and absence take the defaults, the model's own first`() async throws {
    for job in [
      #"{"class_noun":"dog"}"#,
      #"{"class_noun":"dog","identifier":"auto","training":{"steps":"auto","learning_rate":"auto"}}"#,
      #"{"class_noun":"dog","training":null,"samples":{"every":null}}"#,
    ] {
      let response = try await service.create(job, query: "?dry_run=true")
      #expect(response.status == 200)
      let config = try #require(try response.json["resolved_config"] as? [String: Any])
      let training = try #require(config["training"] as? [String: Any])
      let method = try #require(config["method"] as? [String: Any])
      let prior = try #require(method["prior"] as? [String: Any])
      #expect(training["steps"] as? Int == 300)
      #expect(prior["images"] as? Int == 20)
      #expect(training["learning_rate"] as? Double == 5e-6)
      #expect(training["checkpoint_every"] as? Int == 75)
      #expect(config["base_model"] as? String == "starter")
      #expect((training["seed"] as? Int).map { (0..<(1 << 32)).contains($0) } == true)
    }
  }

  @Test func `P32 a seed of -1 comes back as a number, and a large one exactly`() async throws {
    for (sent, exact) in [("-1", nil), ("9007199254740991", 9_007_199_254_740_991), ("0", 0)] {
      let response = try await service.create(
        "{\"class_noun\":\"dog\",\"training\":{\"seed\":\(sent)}}")
      let seed = try #require(try response.json["seed"] as? Int)
      #expect(seed >= 0)
      if let exact { #expect(seed == exact) }
    }
  }

  @Test func `a resolved configuration can be sent again and resolves to itself`() async throws {
    let first = try await service.create(query: "?dry_run=true").json["resolved_config"]
    let config = try #require(first as? [String: Any])
    let text = String(decoding: try JSONSerialization.data(withJSONObject: config), as: UTF8.self)
    let second = try await service.create(text, query: "?dry_run=true")
    #expect(second.status == 200, "\(second.faults)")
    let again = try #require(try second.json["resolved_config"] as? [String: Any])
    #expect(NSDictionary(dictionary: again) == NSDictionary(dictionary: config))
  }

  @Test func `no photos, foreign parts and a missing or second job part are named`() async throws {
    #expect(try await service.create(images: []).faults == ["images required"])
    func post(_ parts: [(String, String)]) async throws -> Response {
      let body =
        parts.map {
          "--XX\r\nContent-Disposition: form-data; name=\"\($0.0)\"\r\n\r\n\($0.1)\r\n"
        }.joined() + "--XX--"
      return try await service.send(
        "POST", "/v1/jobs", ["Content-Type": "multipart/form-data; boundary=XX"],
        body: Data(body.utf8))
    }
    let job = #"{"class_noun":"dog"}"#
    #expect(try await post([("images", "x")]).faults == ["job required"])
    #expect(try await post([("job", job), ("job", job)]).faults == ["job repeated"])
    #expect(try await post([("job", job), ("masks", "x")]).faults == ["images required"])
    #expect(try await post([("job", job), ("photo", "x")]).faults == ["photo unknown_part"])
    let json = try await service.send(
      "POST", "/v1/jobs", ["Content-Type": "application/json"], body: Data(job.utf8))
    #expect(json.status == 415)
  }

  @Test func `what a base model cannot be trained with is refused at once`() async throws {
    let models = service.root.appending(path: "models")
    func write(_ model: String, _ files: [String: String]) throws {
      for (name, text) in files {
        let file = models.appending(path: "\(model)/\(name)")
        try FileIO.createFolder(file.deletingLastPathComponent())
        try Data(text.utf8).write(to: file)
      }
    }
    try write("three", ["model_index.json": #"{"_class_name":"StableDiffusion3Pipeline"}"#])
    try write(
      "small",
      [
        "model_index.json": #"{"_class_name":"StableDiffusionPipeline"}"#,
        "unet/config.json": #"{"block_out_channels":[4,8]}"#,
        "vae/config.json": #"{"block_out_channels":[4,8,8]}"#,
      ])
    let three = try await service.create(#"{"class_noun":"dog","base_model":"three"}"#)
    #expect((three.status, try three.faults) == (422, ["/base_model base_model_invalid"]))
    let odd = try await service.create(
      #"{"class_noun":"dog","base_model":"small","training":{"resolution":68}}"#)
    #expect((odd.status, try odd.faults) == (422, ["/training/resolution not_a_multiple"]))
    let listed = try await service.send("GET", "/v1/base_models/three")
    #expect((try listed.json["refusal"] as? String)?.contains("Stable Diffusion 3") == true)
    let starter = try await service.send("GET", "/v1/base_models/starter")
    #expect(try starter.json["refusal"] is NSNull)
  }

  @Test func `the job part may come after photos`() async throws {
    func part(_ header: String, _ content: Data) -> Data {
      Data("--XX\r\nContent-Disposition: form-data; \(header)\r\n\r\n".utf8) + content
        + Data("\r\n".utf8)
    }
    func photo(_ name: String) -> Data {
      part("name=\"images\"; filename=\"\(name).png\"", ServiceFixture.png)
    }
    let job = part(#"name="job""#, Data(#"{"class_noun":"dog"}"#.utf8))
    let response = try await service.send(
      "POST", "/v1/jobs?dry_run=true", ["Content-Type": "multipart/form-data; boundary=XX"],
      body: photo("a") + job + photo("b") + Data("--XX--".utf8))
    #expect(response.status == 200)
    #expect((try response.json["images"] as? [Any])?.count == 2)
  }

  @Test func `a dry run gives the verdict of each photo and stores nothing`() async throws {
    let response = try await service.create(
      images: [ServiceFixture.png, Data("text".utf8)], query: "?dry_run=true")
    let images = try #require(try response.json["images"] as? [[String: Any]])
    #expect(images.map { $0["verdict"] as? String } == ["accepted", "rejected"])
    #expect(try response.json["accepted"] as? Bool == false)
    #expect(try await service.stores.jobs.counts().isEmpty)
  }
}
