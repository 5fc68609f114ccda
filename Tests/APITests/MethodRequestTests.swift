import Contract
import Foundation
import HTTP
import Storage
import Testing

@testable import API

/// `method` as a tagged union, and the options of the objective.
@Suite struct MethodRequestTests {
  let service: ServiceFixture
  init() async throws { service = try await ServiceFixture() }

  static let faults: [(String, [String])] = [
    (#""method":{"rank":4}"#, ["/method/rank other_method"]),
    (
      #""method":{"type":"lora","vectors":2,"progressive_every":5}"#,
      ["/method/vectors other_method", "/method/progressive_every other_method"]
    ),
    (
      #""method":{"type":"textual_inversion","prior":{"enabled":true},"train_text_encoder":true}"#,
      ["/method/train_text_encoder other_method", "/method/prior other_method"]
    ),
    (
      #""method":{"type":"pivotal_tuning","progressive_every":5}"#,
      ["/method/progressive_every other_method"]
    ),
    (
      #""method":{"type":"lora","rank":0,"alpha":-1,"targets":["attention","mlp"],"dropout":1}"#,
      [
        "/method/rank out_of_range", "/method/alpha out_of_range",
        "/method/targets/1 invalid_choice", "/method/dropout out_of_range",
      ]
    ),
    (
      #""method":{"type":"textual_inversion","vectors":33,"initial_word":"a;b","kind":"person"}"#,
      [
        "/method/vectors out_of_range", "/method/initial_word invalid_character",
        "/method/kind invalid_choice",
      ]
    ),
    (
      #""method":{"type":"textual_inversion","progressive_every":5}"#,
      ["/method/progressive_every no_effect"]
    ),
    (
      #""method":{"text_encoder_learning_rate":1e-6,"text_encoder_until_step":5}"#,
      [
        "/method/text_encoder_learning_rate no_effect", "/method/text_encoder_until_step no_effect",
      ]
    ),
    (
      #""method":{"train_text_encoder":true,"text_encoder_until_step":9},"training":{"steps":8}"#,
      ["/method/text_encoder_until_step out_of_range"]
    ),
    (
      #""method":{"prior":{"source":"predictions","images":5,"beta":2}}"#,
      ["/method/prior/images other_source", "/method/prior/beta other_source"]
    ),
    (
      #""method":{"prior":{"source":"consistency","weight":1}}"#,
      ["/method/prior/weight other_source"]
    ),
    (#""training":{"zero_terminal_snr":true}"#, ["/training/zero_terminal_snr needs_v_prediction"]),
    (
      #""method":{"prior":{"source":"predictions"}},"training":{"prediction":"v_prediction"}"#,
      ["/method/prior/source other_prediction"]
    ),
    (#""training":{"prediction":"sample"}"#, ["/training/prediction invalid_choice"]),
    (
      #""method":{"type":"textual_inversion"},"exports":["diffusers"]"#,
      ["/exports/0 other_method"]
    ),
    (
      #""method":{"type":"textual_inversion"},"identifier":"<to by>""#,
      ["/identifier invalid_character", "/identifier invalid_character"]
    ),
    (#""subjects":[{"class_noun":"cat"}]"#, ["/class_noun repeated"]),
    (#""init_from":{}"#, ["/init_from required"]),
    (#""init_from":{"job":"job_1"}"#, ["/init_from not_found"]),
    (#""init_from":{"checkpoint":"../etc"}"#, ["/init_from not_found"]),
  ]

  @Test(arguments: faults.indices)
  func `a field of another method, or out of its range, is told with its place`(
    index: Int
  ) async throws {
    let (fields, expected) = Self.faults[index]
    let response = try await service.create("{\"class_noun\":\"dog\",\(fields)}")
    #expect(response.status == 422)
    #expect(response.faults == expected)
  }

  @Test func `a misplaced field is told where it belongs`() async throws {
    let response = try await service.create(#"{"class_noun":"dog","method":{"rank":4}}"#)
    let detail = try response.json["detail"] as? String ?? ""
    #expect(detail.contains("belongs to lora, pivotal_tuning"))
    #expect(detail.contains("dreambooth"))
  }

  /// Every method, and every option that is not a default.
  static let requests = [
    #""method":{"type":"dreambooth","train_text_encoder":true,"text_encoder_until_step":3}"#,
    #""method":{"type":"dreambooth","prior":{"enabled":false}}"#,
    #""method":{"type":"dreambooth","prior":{"source":"consistency","beta":500}}"#,
    #""method":{"type":"lora"}"#,
    #""method":{"type":"lora","rank":8,"alpha":4,"targets":["attention","convolutions"],"dora":true}"#,
    #""method":{"type":"lora","prior":{"enabled":true,"source":"predictions","weight":0.5}}"#,
    #""method":{"type":"textual_inversion"},"identifier":"toby""#,
    #""method":{"type":"textual_inversion","vectors":3,"progressive_every":5,"kind":"style"}"#,
    #""method":{"type":"textual_inversion"},"training":{"learning_rate":1e-3}"#,
    #""method":{"type":"pivotal_tuning","pull":0.1,"initial_word":"puppy"}"#,
    #""method":{"type":"custom_diffusion","embedding_learning_rate":1e-4}"#,
    #""method":{"type":"custom_diffusion","prior":{"source":"consistency"}}"#,
    #""training":{"min_snr_gamma":5,"offset_noise":0.1,"unmasked_weight":0.2,"optimizer_moments":"8bit"}"#,
    #""training":{"prediction":"v_prediction","zero_terminal_snr":true}"#,
  ]

  @Test(arguments: requests)
  func `what a request resolves to can be sent again and resolves to the same`(
    fields: String
  ) async throws {
    let first = try await service.resolved("{\"class_noun\":\"dog\",\(fields)}")
    #expect(!first.isEmpty)
    let sent = String(
      decoding: try JSONSerialization.data(withJSONObject: first), as: UTF8.self)
    let second = try await service.resolved(sent)
    #expect(first as NSDictionary == second as NSDictionary)
  }

  @Test func `the resolved recipe is what the contract's defaults say`() async throws {
    for method in TrainingRecipe.Method.allCases {
      let job = "{\"class_noun\":\"dog\",\"method\":{\"type\":\"\(method.rawValue)\"}}"
      let id = try #require(try await service.create(job).json["id"] as? String)
      let recipe = try #require(try await service.stores.jobs.find(id)).recipe
      var expected = TrainingRecipe(classNoun: "dog")
      expected.method = method
      let model = try #require(
        try await ModelShelf(service.root.appending(path: "models")).list().first)
      MethodDefaults(method, model: model.defaults).apply(to: &expected)
      expected.training.seed = recipe.training.seed
      if method.trainsAdapters { expected.lora.alpha = 4 }
      #expect(recipe == expected)
    }
  }

  @Test func `a word with rows of its own is written in brackets`() async throws {
    for (method, sent, written) in [
      ("textual_inversion", "Toby", "<toby>"), ("pivotal_tuning", "<toby>", "<toby>"),
      ("dreambooth", "Toby", "Toby"), ("custom_diffusion", "auto", "auto"),
    ] {
      let config = try await service.resolved(
        #"{"class_noun":"dog","identifier":"\#(sent)","method":{"type":"\#(method)"}}"#)
      #expect(config["identifier"] as? String == written)
    }
  }

  @Test func `P1 what a method needs is counted from what it trains`() async throws {
    func trained(_ method: String) async throws -> Int {
      let answer = try await service.create(
        "{\"class_noun\":\"dog\",\"method\":\(method)}", query: "?dry_run=true")
      let memory = ((try answer.json["estimate"] as? [String: Any])?["memory"]) as? [String: Any]
      return memory?["trained_values"] as? Int ?? 0
    }
    // U-Net 6 + 24 + 32 values, text encoder 80.
    #expect(try await trained(#"{"type":"dreambooth"}"#) == 62)
    #expect(try await trained(#"{"train_text_encoder":true}"#) == 142)
    // Rank 2: 2 (4 + 6) + 2 (4 + 8).
    #expect(try await trained(#"{"type":"lora","rank":2}"#) == 44)
    #expect(try await trained(#"{"type":"textual_inversion","vectors":3}"#) == 24)
    #expect(try await trained(#"{"type":"custom_diffusion"}"#) == 32 + 8)
  }

  @Test func `what would not fit is refused with what it needs and what would fit`() async throws {
    let job = #"{"class_noun":"dog"}"#
    let answer = try await service.create(job, query: "?dry_run=true")
    let estimate = try answer.json["estimate"] as? [String: Any]
    let peak = try #require((estimate?["memory"] as? [String: Any])?["peak_bytes"] as? Int)
    let machine = try await ServiceFixture(memory: peak - 1)
    let refused = try await machine.create(job)
    #expect(refused.code == "will_not_fit")
    let detail = try #require(try refused.json["detail"] as? String)
    #expect(detail.contains("needs about 0.3 GB (while exporting)"))
    #expect(detail.contains("would fit: optimizer_moments 8bit"))
    #expect(try await ServiceFixture(memory: peak).create(job).status == 202)
    let tiny = try await ServiceFixture(memory: 1000).create(job)
    #expect(try (tiny.json["detail"] as? String)?.contains("no smaller job") == true)
  }

  @Test func `a dry run measures the machine once and tells the time`() async throws {
    let job = #"{"class_noun":"dog"}"#
    func time() async throws -> [String: Any]? {
      let answer = try await service.create(job, query: "?dry_run=true")
      return (try answer.json["estimate"] as? [String: Any])?["time"] as? [String: Any]
    }
    let first = try #require(try await time())
    #expect(try #require(first["seconds"] as? Double) > 0)
    #expect((first["phases"] as? [String: Double])?["training"] != nil)
    let times = service.root.appending(path: "rates-measured")
    _ = try await time()
    #expect(try String(contentsOf: times, encoding: .utf8) == "x\n")
  }
}
