import Contract
import Diffusion
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Training
import Weights

@Suite struct ExporterTests {
  private let folder: TemporaryFolder
  private let base: URL
  init() throws {
    folder = try TemporaryFolder()
    base = folder.file("tiny")
    try TinyModel.write(to: base)
  }

  private let provenance = [
    "dreambooth.trigger": "a zq dog", "dreambooth.class": "dog",
    "dreambooth.base_sha256": "12ab34cd56ef",
  ]

  private func update(out: Int, into: Int) -> LowRankUpdate {
    let draw = Philox(seed: 4)
    return LowRankUpdate(
      down: draw.draw(.test, index: 0).normal([2, into]),
      up: draw.draw(.test, index: 1).normal([out, 2]), alpha: 1)
  }

  private var adapters: LowRankUpdates {
    [
      "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k": update(out: 8, into: 8),
      "text_encoder.encoder.layers.0.self_attn.v_proj": update(out: 8, into: 8),
    ]
  }

  /// A result whose weights have moved.
  private func trained() throws -> TunedResult {
    let model = try StableDiffusion(opening: base)
    for parameter in model.unet.parameters {
      parameter.tensor.withMutableFloats { for i in $0.indices { $0[i] += 0.01 * Float(i % 7) } }
    }
    return TunedResult(model: model, trained: ["unet"], provenance: provenance)
  }

  private func file(_ artifact: WorkEvent.Artifact) throws -> URL {
    let name = try #require(artifact.files.first?.name)
    return folder.file("out").appending(path: artifact.folder).appending(path: name)
  }

  @Test(arguments: [ExportFormat.diffusers, .singleFile])
  func `a trained model is written whole, f32, and says where it comes from`(
    format: ExportFormat
  ) throws {
    let result = try trained()
    let artifact = try Exporter.write(format, result, in: folder.file("out"))
    #expect(artifact.format == format.rawValue && artifact.folder == format.rawValue)
    let target = format == .diffusers ? folder.file("out/diffusers") : try file(artifact)
    let opened = try StableDiffusion(opening: target)
    for (ours, theirs) in zip(result.model.unet.parameters, opened.unet.parameters) {
      #expect(ours.key == theirs.key && ours.tensor.values == theirs.tensor.values)
    }
    let weights =
      format == .diffusers
      ? target.appending(path: "unet/diffusion_pytorch_model.safetensors") : target
    let metadata = try SafetensorsFile(weights).metadata
    #expect(metadata["dreambooth.class"] == "dog")
    #expect(metadata["modelspec.trigger_phrase"] == "a zq dog")
    for file in artifact.files {
      let url = folder.file("out").appending(path: artifact.folder).appending(path: file.name)
      #expect(try FileDigest.sha256(url) == file.sha256)
    }
  }

  @Test func `parts that were not trained go along byte for byte`() throws {
    _ = try Exporter.write(.diffusers, try trained(), in: folder.file("out"))
    for name in [
      "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors",
      "tokenizer/vocab.json", "scheduler/scheduler_config.json",
    ] {
      let copy = folder.file("out/diffusers").appending(path: name)
      #expect(
        try FileDigest.sha256(copy) == FileDigest.sha256(base.appending(path: name)), "\(name)")
    }
  }

  @Test(arguments: [ExportFormat.loraPEFT, .loraKohya])
  func `P38 adapters are written, read back and drawn with`(format: ExportFormat) throws {
    let live = try StableDiffusion(opening: base)
    try live.apply(adapters)
    let result = TunedResult(
      model: live, trained: [], adapters: adapters, provenance: provenance)
    let url = try file(try Exporter.write(format, result, in: folder.file("out")))
    let fresh = try StableDiffusion(opening: base)
    try fresh.apply(try LoRAFile.read(url, for: fresh.adaptableLayers))
    for (ours, theirs) in zip(live.unet.parameters, fresh.unet.parameters) {
      #expect(ours.tensor.values == theirs.tensor.values, "\(ours.key)")
    }
    let metadata = try SafetensorsFile(url).metadata
    #expect(metadata["modelspec.architecture"] == "stable-diffusion-v1/lora")
    #expect(metadata["ss_sd_model_hash"] == "12ab34cd")
  }

  @Test func `P38 adapters that do not draw what the live model draws are not offered`() throws {
    var wrong = adapters
    for (path, update) in wrong {
      wrong[path] = LowRankUpdate(down: update.down * 3, up: update.up, alpha: update.alpha)
    }
    let live = try StableDiffusion(opening: base)
    try live.apply(adapters)
    let result = TunedResult(model: live, trained: [], adapters: wrong, provenance: provenance)
    #expect(throws: TrainingError.self) {
      try Exporter.write(.loraPEFT, result, in: folder.file("out"))
    }
  }

  /// A model with adapters at work in its layers.
  private func adapted(dora: Bool) throws -> TunedResult {
    var recipe = TrainingRecipe(classNoun: "dog")
    recipe.method = .lora
    recipe.lora.targets = [.attention, .convolutions]
    (recipe.trainTextEncoder, recipe.lora.dora) = (true, dora)
    let plans = AdapterTargets.plans(recipe)
    let model = try StableDiffusion(opening: base, adapters: plans)
    let adapters = plans.values.flatMap(\.adapters)
    for adapter in adapters {
      adapter.up.withMutableFloats { for i in $0.indices { $0[i] = 0.3 - 0.1 * Float(i % 5) } }
    }
    return TunedResult(
      model: model, trained: [],
      adapters: Dictionary(uniqueKeysWithValues: adapters.map { ($0.path, $0.update) }),
      provenance: provenance)
  }

  @Test(arguments: [ExportFormat.diffusers, .singleFile, .loraPEFT, .loraKohya], [false, true])
  func `P38 live adapters draw what every form of them draws`(
    format: ExportFormat, dora: Bool
  ) throws {
    let result = try adapted(dora: dora)
    let before = result.model.unet.parameters.map(\.tensor.values)
    _ = try Exporter.write(format, result, in: folder.file("out"))
    #expect(result.model.unet.parameters.map(\.tensor.values) == before)
  }

  @Test(arguments: [ExportFormat.tiDiffusers, .tiKohya], [1, 4])
  func `P39 new rows are written, read back and drawn with`(
    format: ExportFormat, count: Int
  ) throws {
    let live = try StableDiffusion(opening: base)
    let rows = Philox(seed: 8).draw(.test).normal([count, 8])
    _ = try live.learn("<zq>", rows: rows)
    let result = TunedResult(
      model: live, trained: [], embeddings: [LearnedEmbedding(token: "<zq>", vectors: rows)],
      provenance: ["dreambooth.trigger": "a photo of <zq>"])
    let url = try file(try Exporter.write(format, result, in: folder.file("out")))
    let fresh = try StableDiffusion(opening: base)
    let plain = fresh.textStates(["a photo of <zq>"]).values
    let read = try EmbeddingFile.read(url, width: 8)
    _ = try fresh.learn(read.token, rows: read.vectors)
    let states = fresh.textStates(["a photo of <zq>"]).values
    #expect(states == live.textStates(["a photo of <zq>"]).values)
    #expect(states != plain)
  }

  @Test func `a base that is one file becomes a folder with all its parts`() throws {
    let one = folder.file("base.safetensors")
    try ModelWriter(try StableDiffusion(opening: base)).writeSingleFile(one)
    let model = try StableDiffusion(opening: one)
    for parameter in model.unet.parameters {
      parameter.tensor.withMutableFloats { for i in $0.indices { $0[i] *= 1.5 } }
    }
    let result = TunedResult(model: model, trained: ["unet"], provenance: provenance)
    for format in [ExportFormat.diffusers, .singleFile] {
      _ = try Exporter.write(format, result, in: folder.file("out"))
    }
    let opened = try StableDiffusion(opening: folder.file("out/diffusers"))
    #expect(opened.tokenizer.encode("a zq dog") == model.tokenizer.encode("a zq dog"))
  }

  @Test func `equal results are equal files`() throws {
    let digests = try ["one", "two"].map { name in
      try ExportFormat.allCases.filter { $0 == .diffusers || $0 == .singleFile }.flatMap {
        try Exporter.write($0, try trained(), in: folder.file(name)).files.map(\.sha256)
      }
    }
    #expect(digests[0] == digests[1])
  }
}
