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

@Suite struct PersonalizationEngineTests {
  @Test func `a run goes through its phases and says what came of each`() throws {
    let run = try TinyRun()
    let finished = try #require(try run.run())
    #expect(
      run.phases == [
        .loading, .preparingImages, .classImages, .caching, .sampling, .evaluating, .training,
        .sampling, .evaluating, .training, .sampling, .evaluating, .exporting,
      ])
    let started = try #require(
      run.events.lazy.compactMap { if case .started(let started) = $0 { started } else { nil } }
        .first)
    #expect(started.identifierSource == "auto")
    #expect(started.trainedParameters < started.parameters)
    #expect(run.steps.map(\.step) == [1, 2, 3, 4])
    #expect(run.steps.allSatisfy { $0.priorLoss != nil && $0.gradientNorm > 0 })
    let samples = run.events.compactMap { event -> WorkEvent.Sample? in
      if case .sample(let sample) = event { sample } else { nil }
    }
    #expect(samples.map(\.step) == [0, 0, 2, 2, 4, 4])
    for sample in samples {
      let decoded = try ImageDecoder.decode(contentsOf: run.attempt(1, sample.file))
      #expect(decoded.picture.width == 16)
      #expect(sample.prompt == "a \(started.identifier) dog")
    }
    #expect(run.events.last == .finished(finished))
    #expect(run.events.contains(.report(.init(files: ["report.json", "report.png"]))))
    _ = try ImageDecoder.decode(contentsOf: run.attempt(1, "samples/grid.png"))
  }

  @Test func `the report holds the recipe, both losses of every step, figures of base and tuned`()
    throws
  {
    let run = try TinyRun()
    try run.run()
    let report = try run.report(1)
    #expect(report.recipe == run.order.recipe)
    #expect(report.losses.map(\.step) == [1, 2, 3, 4])
    #expect(report.losses.allSatisfy { $0.prior != nil })
    #expect(report.evaluation?.rows.map(\.step) == [0, 2, 4])
    #expect(report.evaluation?.encoder.hasPrefix("clip ") == true)
    #expect(report.images.map(\.id) == ["photo0", "photo1", "photo2"])
    #expect(report.absent.keys.sorted() == ["dino", "div", "pres"])
    #expect(report.peakMemoryBytes > 1 << 20)
    #expect(
      Set(report.phaseSeconds.keys).isSuperset(of: ["class_images", "training", "sampling"]))
    let picture = try ImageDecoder.decode(contentsOf: run.attempt(1, "report.png")).picture
    #expect(picture.width >= 700 && !picture.isBlank)
  }

  @Test func `without an encoder pair the report says so`() throws {
    let run = try TinyRun(steps: 1)
    run.order.clipEncoder = nil
    try run.run()
    #expect(try run.report(1).evaluation == nil)
    #expect(try run.report(1).absent["clip_i"] != nil)
  }

  @Test func `P29 every tensor of the tuned part has moved, all other files are as they were`()
    throws
  {
    let run = try TinyRun(steps: 2)
    let artifact = try #require(try run.run()?.artifacts.first)
    let tuned = run.attempt(1, artifact.folder)
    let base = try StableDiffusion(opening: run.folder.file("base"))
    let copy = try StableDiffusion(opening: tuned)
    for (before, after) in zip(base.unet.parameters, copy.unet.parameters) {
      #expect(before.tensor.values != after.tensor.values, "\(before.key) did not move")
    }
    for file in [
      "vae/config.json", "vae/diffusion_pytorch_model.safetensors", "text_encoder/config.json",
      "text_encoder/model.safetensors", "tokenizer/vocab.json", "scheduler/scheduler_config.json",
    ] {
      let (ours, theirs) = (
        try Data(contentsOf: tuned.appending(path: file)),
        try Data(contentsOf: run.folder.file("base").appending(path: file))
      )
      #expect(ours == theirs, "\(file)")
    }
    for file in artifact.files {
      #expect(try FileDigest.sha256(tuned.appending(path: file.name)) == file.sha256)
    }
    let metadata = try SafetensorsFile(
      tuned.appending(path: "unet/diffusion_pytorch_model.safetensors")
    ).metadata
    #expect(metadata["dreambooth.trigger"]?.hasSuffix(" dog") == true)
    #expect(metadata["format"] == "pt")
  }

  @Test func `P31 a preview at the last step is what the artifact draws`() throws {
    let run = try TinyRun(steps: 2)
    let finished = try #require(try run.run())
    let model = try StableDiffusion(opening: run.attempt(1, finished.artifacts[0].folder))
    var recipe = GenerationRecipe(prompts: ["a \(try run.report(1).identifier) dog"])
    (recipe.seeds, recipe.steps, recipe.guidance) = ([1, 2], 2, 2)
    var pictures: [PixelBuffer] = []
    try GenerationEngine(model, name: "x", hash: "").run(
      recipe, onStep: { _, _ in true }, onPicture: { pictures.append($0.pixels) })
    for (seed, picture) in zip([1, 2], pictures) {
      let file = run.attempt(1, "samples/step-000002-prompt0-seed\(seed).png")
      #expect(try ImageDecoder.decode(contentsOf: file).picture == picture)
    }
  }

  @Test(arguments: [
    WorkEvent.Phase.loading, .preparingImages, .classImages, .caching, .sampling, .evaluating,
    .exporting,
  ])
  func `P9 a stop is obeyed in every phase`(phase: WorkEvent.Phase) throws {
    let run = try TinyRun(steps: 2)
    #expect(try run.run { $0 == .phase(phase) ? .stop : .continue } == nil)
    #expect(run.events.last == .phase(phase))
  }

  @Test func `P9 a stop while pictures are drawn keeps those that are there`() throws {
    let run = try TinyRun { $0.prior.images = 20 }
    let ended = try run.run { event in
      if case .progress(.classImages, 16, _) = event { .stop } else { .continue }
    }
    #expect(ended == nil)
    let cached = try FileManager.default.subpathsOfDirectory(atPath: run.folder.file("cache").path)
      .filter { $0.hasSuffix(".png") }
    #expect(cached.count == 16)
  }

  @Test func `P36 a second job with the same base and class draws no class picture`() throws {
    let run = try TinyRun(steps: 1)
    try run.run(epoch: 1)
    // Two denoising steps and three pictures, against three pictures read.
    #expect(run.classImageEvents == 5)
    run.order.recipe.training.seed = 7
    try run.run(epoch: 2)
    #expect(run.classImageEvents == 3)
  }

  @Test func `a checkpoint that is asked for is written at the next step`() throws {
    let run = try TinyRun { $0.training.checkpointEvery = 100 }
    try run.run(epoch: 1, TinyRun.at(1, .checkpoint))
    let steps = run.events.compactMap { event -> Int? in
      if case .checkpoint(let checkpoint) = event { checkpoint.step } else { nil }
    }
    #expect(steps == [1, 4])
  }

  @Test func `P26 weights that blow up end the run with its code, and the last checkpoint stays`()
    throws
  {
    let run = try TinyRun(steps: 40) {
      ($0.training.learningRate, $0.training.checkpointEvery, $0.samples.every) = (1, 1, 0)
      $0.training.weightDecay = 1e20
    }
    #expect { try run.run() } throws: {
      guard let error = $0 as? EngineError else { return false }
      return error.code == .nonfinite && error.step != nil
    }
    let last = try #require(run.steps.last?.step)
    #expect(try Checkpoint.newest(in: run.attempt(1, ""))?.manifest.step == last)
  }

  @Test func `bad input ends with a code that says what is wrong`() throws {
    let cases: [(EngineError.Code, (TinyRun) throws -> Void)] = [
      (.baseModelMissing, { $0.order.baseModel = $0.folder.file("nowhere") }),
      (.imagesRejected, { $0.order.images = [] }),
      (.imagesRejected, { try Data("no".utf8).write(to: $0.order.images[1].file) }),
      (.imagesRejected, { try FileManager.default.removeItem(at: $0.order.images[1].file) }),
      (.recipeInvalid, { $0.order.recipe.training.steps = -1 }),
      (.recipeInvalid, { $0.order.recipe.training.resolution = 17 }),
      (.recipeInvalid, { $0.order.recipe.exports = [.loraKohya] }),
      (.recipeInvalid, { $0.order.recipe.samples.steps = 5000 }),
      (
        .baseModelInvalid,
        { try Data("{}".utf8).write(to: $0.folder.file("base/unet/config.json")) }
      ),
    ]
    for (i, (code, damage)) in cases.enumerated() {
      let run = try TinyRun(steps: 1)
      try damage(run)
      #expect("case \(i)") { try run.run() } throws: { ($0 as? EngineError)?.code == code }
    }
  }

  @Test func `a full disk has its own code`() {
    for error in [POSIXError(.ENOSPC), POSIXError(.EDQUOT)] {
      #expect(EngineError(describing: error).code == .diskFull)
    }
    let wrapped = CocoaError(
      .fileWriteUnknown, userInfo: [NSUnderlyingErrorKey: POSIXError(.ENOSPC)])
    #expect(EngineError(describing: wrapped).code == .diskFull)
    // The words may be in any language: the number decides.
    let weights = WeightError.writeFailed(file: "x", reason: "kein Platz", code: ENOSPC)
    #expect(EngineError(describing: weights).code == .diskFull)
    let worded = WeightError.writeFailed(file: "x", reason: String(cString: strerror(ENOSPC)))
    #expect(EngineError(describing: worded).code != .diskFull)
    #expect(EngineError(describing: POSIXError(.EACCES)).code == .internalError)
  }

  @Test(arguments: [EIO, EMFILE, ENFILE, EAGAIN, ENOMEM, ESTALE])
  func `what passes blames neither model nor checkpoint nor photo`(code: Int32) {
    let posix = NSError(domain: NSPOSIXErrorDomain, code: Int(code))
    let errors: [any Error] = [
      posix, CocoaError(.fileReadUnknown, userInfo: [NSUnderlyingErrorKey: posix]),
      WeightError.unreadable(file: "unet", reason: "?", code: code),
      WeightError.writeFailed(file: "unet", reason: "?", code: code),
      TrainingError.checkpointUnreadable(folder: "step-000002", code: code),
    ]
    for error in errors { #expect(EngineError(describing: error).code == .storageUnavailable) }
  }
}
