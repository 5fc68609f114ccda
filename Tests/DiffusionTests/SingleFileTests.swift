import Diffusion
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct SingleFileTests {
  private let folder: TemporaryFolder
  private let model: URL
  init() throws {
    folder = try TemporaryFolder()
    model = folder.file("tiny")
    try TinyModel.write(to: model)
  }

  private var file: URL { folder.file("tiny.safetensors") }

  private func parameters(_ model: StableDiffusion) -> [String: [Float]] {
    let parts = [
      ("unet", model.unet.parameters), ("vae", model.vae.parameters),
      ("text_encoder", model.textEncoder.parameters),
    ]
    return Dictionary(
      uniqueKeysWithValues: parts.flatMap { part, parameters in
        parameters.map { ("\(part).\($0.key)", $0.tensor.values) }
      })
  }

  /// The file with its tensors and metadata changed.
  private func rewrite(
    metadata: [String: String]? = nil, extra: [String: Tensor] = [:],
    _ rename: (String) -> String? = { $0 }
  ) throws {
    let stored = try SafetensorsFile(file)
    var writer = SafetensorsWriter(metadata: metadata ?? stored.metadata)
    for key in stored.keys {
      if let renamed = rename(key) { writer.add(renamed, try stored.tensor(key)) }
    }
    for (key, tensor) in extra { writer.add(key, tensor) }
    try writer.write(to: file)
  }

  @Test func `a model written as one file is opened with the same tensors and words`() throws {
    let original = try StableDiffusion(opening: model)
    try ModelWriter(original).writeSingleFile(file)
    let opened = try StableDiffusion(opening: file)
    #expect(parameters(opened) == parameters(original))
    #expect(opened.unet.config == original.unet.config)
    #expect(opened.schedule.config.prediction == original.schedule.config.prediction)
    #expect(opened.tokenizer.encode("a zq dog") == original.tokenizer.encode("a zq dog"))
    #expect(try opened.hash() == FileDigest.sha256(file))
  }

  @Test(
    arguments: [
      ("v", [], PredictionType.velocity, false), (nil, ["v_pred"], .velocity, false),
      (nil, ["ztsnr"], .velocity, true), ("v_prediction", ["v_pred", "ztsnr"], .velocity, true),
      ("epsilon", [], .epsilon, false), (nil, [], .epsilon, false),
    ] as [(String?, [String], PredictionType, Bool)])
  func `what a file says of its network wins over the folder it borrows from`(
    said: String?, markers: [String], prediction: PredictionType, endsInNoise: Bool
  ) throws {
    try ModelWriter(try StableDiffusion(opening: model)).writeSingleFile(file)
    try rewrite(
      metadata: said.map { ["modelspec.prediction_type": $0] } ?? [:],
      extra: Dictionary(uniqueKeysWithValues: markers.map { ($0, Tensor.zeros([0])) }))
    let opened = try StableDiffusion(opening: file, SingleFileOptions(configuration: model))
    #expect(opened.schedule.config.prediction == prediction)
    #expect(opened.schedule.config.zeroTerminalSNR == endsInNoise)
  }

  @Test(arguments: [("epsilon", ["v_pred"]), ("epsilon", ["ztsnr"]), ("sample", []), ("", [])])
  func `a file that contradicts itself, or says what is not known, is refused`(
    said: String, markers: [String]
  ) throws {
    try ModelWriter(try StableDiffusion(opening: model)).writeSingleFile(file)
    try rewrite(
      metadata: ["modelspec.prediction_type": said],
      extra: Dictionary(uniqueKeysWithValues: markers.map { ($0, Tensor.zeros([0])) }))
    let error = #expect(throws: WeightError.self) {
      try StableDiffusion(opening: file, SingleFileOptions(configuration: model))
    }
    #expect(error?.description.contains("modelspec.prediction_type") == true)
  }

  @Test func `added words travel in a single file, and must have their rows`() throws {
    let added = model.appending(path: "tokenizer/added_tokens.json")
    let rows = try StableDiffusion(opening: model).textEncoder.config.vocabSize
    try Data("{\"<toy>\": \(rows)}".utf8).write(to: added)
    #expect(throws: DiffusionError.self) { try StableDiffusion(opening: model) }
    try Data("{\"<toy>\": \(rows - 1)}".utf8).write(to: added)
    let original = try StableDiffusion(opening: model)
    #expect(original.tokenizer.tokens(of: "a <toy>").last == rows - 1)
    try ModelWriter(original).writeSingleFile(file)
    #expect(try StableDiffusion(opening: file).tokenizer.added == original.tokenizer.added)
  }

  @Test(arguments: [StoredDType.f32, .bf16, .f16])
  func `an untouched model is saved bit for bit, as folder and as one file`(
    dtype: StoredDType
  ) throws {
    let source = folder.file("source")
    try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
    try ModelWriter(try StableDiffusion(opening: model), dtype: dtype).writeFolder(source)
    // The folder read and written; the file written, read, and written as a folder again.
    let opened = try StableDiffusion(opening: source)
    let copy = folder.file("copy")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    try opened.unet.save(to: copy.appending(path: "unet"))
    try opened.vae.save(to: copy.appending(path: "vae"))
    try opened.textEncoder.save(to: copy.appending(path: "text_encoder"))
    try ModelWriter(opened).writeSingleFile(file)
    let back = folder.file("back")
    try FileManager.default.createDirectory(at: back, withIntermediateDirectories: true)
    try ModelWriter(try StableDiffusion(opening: file)).writeFolder(back)
    for name in [
      "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model",
    ] {
      let stored = try SafetensorsFile(source.appending(path: "\(name).safetensors"))
      for other in [copy, back] {
        let saved = try SafetensorsFile(other.appending(path: "\(name).safetensors"))
        #expect(saved.keys == stored.keys)
        for key in stored.keys {
          #expect(saved[key]?.dtype == dtype)
          #expect(try saved.bytes(key) == stored.bytes(key), "\(name) \(key)")
        }
      }
    }
  }

  @Test func `the text encoder of 2_x goes through the fused names and back`() throws {
    let original = try StableDiffusion(opening: model)
    var config = original.textEncoder.config
    config.hiddenAct = .gelu
    let second = try StableDiffusion(
      folder: folder.file("none"), tokenizer: original.tokenizer,
      textEncoder: try CLIPTextModel.random(config, seed: 9), unet: original.unet,
      vae: original.vae, schedule: original.schedule)
    try ModelWriter(second).writeSingleFile(file)
    let prefix = "cond_stage_model.model.transformer.resblocks"
    let stored = try SafetensorsFile(file)
    #expect(stored["\(prefix).0.attn.in_proj_weight"]?.shape == [24, 8])
    #expect(parameters(try StableDiffusion(opening: file)) == parameters(second))
    // The layer that 2.x never listens to may be there, and no other.
    try rewrite(extra: ["\(prefix).1.ln_1.weight": Tensor.zeros([8])])
    _ = try StableDiffusion(opening: file)
    try rewrite(extra: ["\(prefix).2.ln_1.weight": Tensor.zeros([8])])
    #expect(throws: WeightError.unused(keys: ["\(prefix).2.ln_1.weight"])) {
      try StableDiffusion(opening: file)
    }
  }

  @Test func `what original checkpoints hold besides is passed over, all else is refused`() throws {
    try ModelWriter(try StableDiffusion(opening: model)).writeSingleFile(file)
    let ids = "cond_stage_model.transformer.text_model.embeddings.position_ids"
    try rewrite(extra: ["alphas_cumprod": Tensor.zeros([4]), ids: Tensor.zeros([1, 12])])
    _ = try StableDiffusion(opening: file)
    try rewrite(extra: ["model.diffusion_model.label_emb.weight": Tensor.zeros([4])])
    #expect(throws: WeightError.unused(keys: ["model.diffusion_model.label_emb.weight"])) {
      try StableDiffusion(opening: file)
    }
    let key = "first_stage_model.quant_conv.bias"
    try rewrite { $0.contains("label_emb") || $0 == key ? nil : $0 }
    #expect(throws: WeightError.missing(key: key)) { try StableDiffusion(opening: file) }
  }

  @Test func `a file without configurations takes those of a folder`() throws {
    let original = try StableDiffusion(opening: model)
    try ModelWriter(original).writeSingleFile(file)
    try rewrite(metadata: [:])
    let error = #expect(throws: WeightError.self) { try StableDiffusion(opening: file) }
    #expect(error?.description.contains("neither Stable Diffusion 1.x nor 2.x") == true)
    let opened = try StableDiffusion(
      opening: file, SingleFileOptions(prediction: .velocity, configuration: model))
    #expect(parameters(opened) == parameters(original))
    #expect(opened.schedule.prediction == .velocity)
  }

  @Test(arguments: [
    ("lora_unet_x.lora_down.weight", [2, 2], "an adapter"), ("emb_params", [2, 8], "an embedding"),
    ("weight", [2, 2, 2], "not a checkpoint"),
  ])
  func `other files are called by their name`(key: String, shape: [Int], what: String) throws {
    var writer = SafetensorsWriter()
    writer.add(key, Tensor.zeros(Shape(shape)))
    try writer.write(to: file)
    let error = #expect(throws: WeightError.self) { try StableDiffusion(opening: file) }
    #expect(error?.description.contains(what) == true)
  }

  @Test func `a pickle is refused by content under any name`() throws {
    let pickle = try folder.write(
      "model.safetensors", [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 60))
    #expect(throws: WeightError.pickle(file: pickle.shortName)) {
      try StableDiffusion(opening: pickle)
    }
  }

  @Test func `what does not fit is listed`() throws {
    try ModelWriter(try StableDiffusion(opening: model)).writeSingleFile(file)
    let shapes = try ModelShapes(model)
    #expect(shapes.faults(of: try SafetensorsFile(file)) == [])
    try rewrite(extra: ["x.y": Tensor.zeros([1])]) { $0.hasSuffix("quant_conv.bias") ? nil : $0 }
    #expect(
      shapes.faults(of: try SafetensorsFile(file)) == [
        "left over x.y", "missing first_stage_model.post_quant_conv.bias",
        "missing first_stage_model.quant_conv.bias",
      ])
  }
}
