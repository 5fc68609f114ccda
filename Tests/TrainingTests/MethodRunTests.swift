import Contract
import Diffusion
import Foundation
import Imaging
import Models
import Tensors
import TestSupport
import Testing
import Training
import Weights

/// Whole runs of every method and option on a tiny model.
@Suite struct MethodRunTests {
  /// A run with rates that a tiny random model feels within four steps.
  static func run(
    _ method: TrainingRecipe.Method, _ change: (inout TrainingRecipe) -> Void = { _ in }
  ) throws -> TinyRun {
    let run = try TinyRun {
      $0.method = method
      $0.prior.enabled = MethodDefaults(method).prior
      ($0.training.learningRate, $0.embedding.learningRate) = (1e-2, 1e-1)
      $0.exports = method.defaultExports
      change(&$0)
    }
    // The tiny tokenizer has twelve places, too few for the sentences of Textual Inversion.
    if method.replacesNoun {
      for index in run.order.images.indices { run.order.images[index].caption = "a {id}" }
    }
    return run
  }

  @Test(arguments: TrainingRecipe.Method.allCases, [false, true])
  func `P5 every method goes on after a stop in the same bits`(
    method: TrainingRecipe.Method, isFull: Bool
  ) throws {
    let run = try Self.run(method) {
      guard isFull else { return }
      $0.trainTextEncoder = method == .dreambooth || method.trainsAdapters
      ($0.textEncoder.learningRate, $0.textEncoder.untilStep) = (5e-3, 3)
      ($0.lora.dropout, $0.lora.dora, $0.lora.targets) = (0.3, true, [.attention, .convolutions])
      ($0.embedding.vectors, $0.embedding.progressiveEvery, $0.embedding.pull) = (2, 2, 0.1)
      ($0.objective.minSnrGamma, $0.objective.offsetNoise) = (5, 0.1)
      $0.training.moments = .eightBit
      $0.exports = method.exports
    }
    let whole = try run.run(epoch: 1)
    #expect(
      try #require(whole).artifacts.map(\.format) == run.order.recipe.exports.map(\.rawValue))
    #expect(try run.run(epoch: 2, TinyRun.at(2, .suspend)) == nil)
    let resumed = try run.run(epoch: 3, resumeFrom: run.attempt(2, "step-000002"))
    #expect(TinyRun.digests(resumed) == TinyRun.digests(whole))
    #expect(try run.report(3).losses == run.report(1).losses)
    #expect(try run.samples(3) == run.samples(1))
  }

  @Test(arguments: TrainingRecipe.Method.allCases)
  func `P29 what is listed as trained has moved, and nothing else`(method: TrainingRecipe.Method)
    throws
  {
    let run = try Self.run(method)
    try run.run()
    let file = try SafetensorsFile(run.attempt(1, "step-000004/weights.safetensors"))
    let base = try StableDiffusion(opening: run.order.baseModel)
    let unet = Dictionary(
      uniqueKeysWithValues: base.unet.parameters.map { ("unet.\($0.key)", $0.tensor) })
    let moved = try file.keys.filter { key in
      let now = try file.tensor(key).values
      if let before = unet[key] { return now != before.values }
      return key.hasSuffix(".up") ? now.contains { $0 != 0 } : true
    }
    #expect(moved == file.keys && !moved.isEmpty)
    switch method {
    case .dreambooth: #expect(Set(moved) == Set(unet.keys))
    case .lora: #expect(moved.allSatisfy { $0.hasSuffix(".down") || $0.hasSuffix(".up") })
    case .textualInversion: #expect(moved == ["words.<my-dog>"])
    case .pivotalTuning: #expect(moved.contains("words.<my-dog>") && moved.count > 1)
    case .customDiffusion:
      let own = moved.filter { $0 != "words.<my-dog>" }
      #expect(own.allSatisfy { $0.contains(".attn2.to_k.") || $0.contains(".attn2.to_v.") })
    }
  }

  @Test func `P25 P39 every new row learns, the table keeps its bits, and the file works`() throws {
    let run = try Self.run(.textualInversion) { $0.embedding.vectors = 4 }
    try run.run()
    let rows = try SafetensorsFile(run.attempt(1, "ti_diffusers/learned_embeds.safetensors"))
    #expect(rows.keys == ["<my-dog>"])
    let values = try rows.tensor("<my-dog>")
    let (first, width) = (try run.base().textEncoder.tokenEmbedding.weight, values.shape[1])
    let id = try #require(try run.base().tokenizer.tokens(of: "dog").first)
    let noun = Array(first.values[id * width..<(id + 1) * width])
    for row in 0..<4 {
      #expect(Array(values.values[row * width..<(row + 1) * width]) != noun)
    }
    #expect(try run.base().hash() == run.report(1).baseHash)
  }

  @Test
  func `P38 an adapter without effect is not hidden: the report shows a base that did not move`()
    throws
  {
    let run = try Self.run(.lora) { $0.training.learningRate = 1e-9 }
    try run.run()
    let rows = try #require(try run.report(1).evaluation).rows
    #expect(abs(rows[0].clipImage - rows[rows.count - 1].clipImage) < 1e-3)
  }

  @Test(arguments: [
    "predictions", "consistency", "uploaded", "velocity", "zero terminal SNR", "captions", "masks",
  ])
  func `options of the objective change what is learned`(option: String) throws {
    let plain = try Self.run(.lora) { $0.prior.enabled = false }
    let run = try Self.run(.lora) {
      $0.prior.enabled = ["predictions", "consistency", "uploaded"].contains(option)
      switch option {
      case "predictions": $0.prior.source = .predictions
      case "consistency": ($0.prior.source, $0.objective.consistencyBeta) = (.consistency, 10)
      case "uploaded": $0.prior.source = .uploaded
      case "velocity": $0.objective.prediction = .velocity
      case "zero terminal SNR":
        ($0.objective.prediction, $0.objective.zeroTerminalSnr) = (.velocity, true)
      default: break
      }
    }
    if option == "uploaded" { run.order.classImages = run.order.images }
    for index in run.order.images.indices {
      if option == "captions" { run.order.images[index].caption = "my {id} {class} asleep" }
      guard option == "masks" else { continue }
      var mask = TinyRun.photo(0)
      for y in 0..<20 {
        for x in 0..<30 { mask[x, y] = x < 15 ? RGB(255, 255, 255) : RGB(0, 0, 0) }
      }
      let file = run.folder.file("mask\(index).png")
      try Data(PNGEncoder.encode(mask)).write(to: file)
      run.order.images[index].mask = file
    }
    let finished = try run.run()
    #expect(run.steps.allSatisfy { $0.loss.isFinite && $0.gradientNorm > 0 })
    #expect(TinyRun.digests(finished) != TinyRun.digests(try plain.run()))
    #expect(
      run.steps.allSatisfy {
        ($0.priorLoss != nil) == ["predictions", "uploaded"].contains(option)
      })
    #expect(run.classImageEvents == 0)
  }

  @Test func `Custom Diffusion can be held against the frozen base`() throws {
    let run = try Self.run(.customDiffusion) {
      ($0.prior.enabled, $0.prior.source) = (true, .consistency)
    }
    try run.run()
    #expect(run.steps.allSatisfy { $0.loss.isFinite && $0.gradientNorm > 0 })
    #expect(run.steps.allSatisfy { $0.priorLoss == nil })
  }

  @Test(arguments: [TrainingRecipe.Method.dreambooth, .customDiffusion, .textualInversion])
  func `P40 two subjects learn in one run, each by its own word`(method: TrainingRecipe.Method)
    throws
  {
    let run = try Self.run(method) {
      $0.identifier = "zq"
      $0.otherSubjects = [.init(classNoun: "cat", identifier: "xv")]
    }
    run.order.images[2].subject = 1
    let finished = try #require(try run.run())
    let prompts = Set(
      run.events.compactMap { if case .sample(let sample) = $0 { sample.prompt } else { nil } })
    #expect(
      prompts == (method == .dreambooth ? ["a zq dog", "a xv cat"] : ["a <zq> dog", "a <xv> cat"]))
    #expect(run.steps.count == 4)
    if method.trainsVectors {
      let names = finished.artifacts.filter { $0.format == "ti_diffusers" }.flatMap(\.files)
      #expect(names.map(\.name).sorted() == ["xv.safetensors", "zq.safetensors"])
    }
    run.order.images[2].subject = 0
    #expect { try run.run(epoch: 2) } throws: { ($0 as? EngineError)?.code == .imagesRejected }
  }

  @Test func `a run begins with the weights and words of another`() throws {
    let first = try Self.run(.lora)
    try first.run()
    let second = try Self.run(.lora) { $0.training.seed = 43 }
    second.order.initFrom = first.attempt(1, "step-000004")
    try second.run()
    let words = [first, second].map { run in
      run.events.compactMap { if case .started(let told) = $0 { told.identifier } else { nil } }
    }
    #expect(words[0] == words[1])
    #expect(second.steps.first?.loss != first.steps.first?.loss)

    let other = try Self.run(.lora) { $0.lora.rank = 2 }
    other.order.initFrom = first.attempt(1, "step-000004")
    #expect { try other.run() } throws: { ($0 as? EngineError)?.code == .recipeInvalid }
  }

  @Test func `what does not fit a method is refused by name`() throws {
    let cases: [(String, (inout TrainingRecipe) -> Void)] = [
      ("prior", { ($0.method, $0.prior.enabled) = (.textualInversion, true) }),
      ("train_text_encoder", { ($0.method, $0.trainTextEncoder) = (.customDiffusion, true) }),
      ("lora/rank", { ($0.method, $0.lora.rank) = (.lora, 0) }),
      ("lora/targets", { ($0.method, $0.lora.targets) = (.lora, []) }),
      ("embedding/vectors", { ($0.method, $0.embedding.vectors) = (.pivotalTuning, 99) }),
      ("exports", { ($0.method, $0.exports) = (.lora, [.tiKohya]) }),
      ("objective/min_snr_gamma", { $0.objective.minSnrGamma = -1 }),
      ("objective/zero_terminal_snr", { $0.objective.zeroTerminalSnr = true }),
      ("prior/source", { $0.prior.source = .uploaded }),
    ]
    for (parameter, change) in cases {
      let run = try TinyRun(steps: 1) {
        $0.exports = []
        change(&$0)
        if $0.exports.isEmpty { $0.exports = $0.method.defaultExports }
        if !$0.method.takesPrior && parameter != "prior" { $0.prior.enabled = false }
      }
      #expect("\(parameter)") { try run.run() } throws: {
        ($0 as? EngineError)?.code == .recipeInvalid && "\($0)".contains(parameter)
      }
    }
  }
}

extension TinyRun {
  func base() throws -> StableDiffusion { try StableDiffusion(opening: order.baseModel) }
}
