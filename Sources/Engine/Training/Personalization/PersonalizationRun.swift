import Contract
import Diffusion
import Evaluation
import Foundation
import Imaging
import Tensors
import Weights

/// One attempt at a recipe, one method per stage. What an earlier attempt has done is taken from its checkpoint;
/// everything else is computed anew from the same draws.
final class PersonalizationRun {
  private let order: WorkOrder
  private let talk: Conversation
  private var log = RunLog()
  private var previews: [PreviewSampler.Preview] = []
  private var photos: [PixelBuffer] = []

  private var recipe: TrainingRecipe { order.recipe }

  init(_ order: WorkOrder, _ talk: Conversation) throws {
    (self.order, self.talk) = (order, talk)
    try FileManager.default.createDirectory(
      at: order.attemptFolder, withIntermediateDirectories: true)
    try Durable.sweep(order.attemptFolder)
  }

  func finish() throws -> WorkEvent.Finished {
    let resumed = try order.resumeFrom.map { try Checkpoint(opening: $0) }
    if let resumed { log = try RunLog(contentsOf: resumed.file(RunLog.fileName)) }
    let setup = try timed(.loading) {
      try RunSetup(order, resumedStep: resumed?.manifest.step ?? 0)
    }
    try talk.tell(.started(setup.started))
    let photos = try timed(.preparingImages) { try setup.photos(order) }
    self.photos = photos.pictures
    try checkTexts(setup, photos)
    let priors = try timed(.classImages) { try classImages(setup) }
    let batches = try timed(.caching) { try cacheLatents(setup, photos, priors.map(\.pictures)) }
    let evaluation = setup.clip.map { FidelityRun($0, photos) }
    let plan = try setup.memoryPlan(order, resuming: resumed)
    let state = try TrainingState(
      recipe, setup.weights.parameters,
      identity: setup.identity(
        photos: try photos.hash(order.images), classImages: priors.map(\.hash).joined(),
        firstWeights: try order.initFrom.map { try Checkpoint(opening: $0).manifestSha256 }),
      plan, startingAt: resumed?.manifest.step ?? 0)
    let sampler = setup.sampler(order)

    if let resumed {
      try state.restore(resumed)
      try restorePreviews(resumed, sampler)
    } else {
      // The base as it is, before weights of another run or another schedule take its place.
      try sample(state, sampler, evaluation)
      if let first = order.initFrom { try state.begin(with: Checkpoint(opening: first)) }
    }
    setup.model.schedule = try setup.schedule(recipe)
    if state.trainer.step > 0, isSampled(state.trainer.step) {
      try sample(state, sampler, evaluation)
    }
    let objective = try PersonalizationObjective(
      setup.model, setup.weights, recipe, subjects: setup.subjects)
    try train(state, objective, batches, sampler, evaluation)
    let artifacts = try timed(.exporting) {
      try state.withFinalWeights {
        try setup.weights.asAfter(step: recipe.training.steps, setup.model, recipe) {
          try setup.export(order)
        }
      }
    }
    try writeReport(setup, photos, plan, evaluation)
    let finished = WorkEvent.Finished(artifacts: artifacts)
    try talk.tell(.finished(finished))
    return finished
  }

  // MARK: - Before training

  private func checkTexts(_ setup: RunSetup, _ photos: InstanceDataset) throws {
    let (warnings, fault) = TextCheck(setup.model.tokenizer).check(recipe, setup.subjects, photos)
    for warning in warnings {
      try talk.tell(
        .warning(code: warning.code, parameter: warning.parameter, message: warning.message))
    }
    if let fault { throw fault }
  }

  private typealias ClassImages = (pictures: [PixelBuffer], hash: String)

  /// The class pictures of each subject, none where the prior needs none.
  private func classImages(_ setup: RunSetup) throws -> [ClassImages] {
    guard recipe.prior.enabled else { return [] }
    return switch recipe.prior.source {
    case .generate: try setup.subjects.map { try drawClassImages(setup, $0) }
    case .uploaded: try setup.uploadedClassImages(order)
    case .predictions, .consistency: []
    }
  }

  private func drawClassImages(_ setup: RunSetup, _ subject: PromptTemplates) throws
    -> ClassImages
  {
    let settings = setup.priorSettings(recipe, subject)
    let dataset = try PriorDataset(settings, cache: order.cacheFolder)
    let side = setup.size / setup.model.pixelsPerLatent
    var kept = 0
    return try dataset.pictures(
      recipe.prior.images, group: TextToImage.batchSize(latentPositions: side * side),
      draw: { range in
        try withPrecision(recipe.training.precision.compute) {
          var denoising = try TextToImage.Denoising(
            setup.model, prompts: range.map { _ in dataset.settings.prompt },
            sources: range.map {
              PictureSource(seed: dataset.settings.seed, purpose: .classImageNoise, index: $0)
            }, setup.priorDrawing(recipe))
          while denoising.next() != nil { try progress(.classImages, kept, recipe.prior.images) }
          return try denoising.pictures()
        }
      },
      onPicture: {
        kept = $0
        try progress(.classImages, $0, recipe.prior.images)
      })
  }

  private func cacheLatents(
    _ setup: RunSetup, _ photos: InstanceDataset, _ priors: [[PixelBuffer]]
  ) throws -> BatchSource {
    let mirrored = recipe.training.flip ? photos.mirrored : nil
    let total =
      photos.pictures.count + (mirrored?.count ?? 0) + priors.reduce(0) { $0 + $1.count }
    var done = 0
    func cache(_ pictures: [PixelBuffer]) throws -> LatentCache {
      try LatentCache(pictures, setup.model) {
        done += 1
        try progress(.caching, done, total)
      }
    }
    let (prior, t) = (recipe.prior, recipe.training)
    let instances = try cache(photos.pictures)
    let classSamples: BatchSource.Prior =
      !prior.enabled || prior.source == .consistency
      ? .none : prior.source == .predictions ? .photos : .pictures(try priors.map(cache))
    return BatchSource(
      seed: t.seed, photos: photos.photos, subjects: setup.subjects, instances: instances,
      mirrored: try mirrored.map(cache), prior: classSamples,
      BatchSource.Settings(
        size: t.batchSize, accumulation: t.gradientAccumulation,
        timesteps: setup.model.schedule.stepCount,
        offsetNoise: recipe.objective.offsetNoise))
  }

  // MARK: - Training

  private func train(
    _ state: TrainingState, _ objective: PersonalizationObjective, _ batches: BatchSource,
    _ sampler: PreviewSampler, _ evaluation: FidelityRun?
  ) throws {
    let total = recipe.training.steps
    while state.trainer.step < total {
      try talk.tell(.phase(.training))
      var start = ContinuousClock.now
      repeat {
        let step = state.trainer.step
        let metrics = try withPrecision(recipe.training.precision.compute) {
          try state.trainer.update {
            objective(batches.batch(step: step, batch: $0), step: step, accumulated: $0)
          }
        }
        log.losses.append(
          .init(step: metrics.step, instance: metrics.instanceLoss, prior: metrics.priorLoss))
        try talk.tell(.step(metrics), isTraining: true)
        if isCheckpointed(metrics.step) || talk.wantsCheckpoint || talk.wantsSuspension {
          log.phaseSeconds[WorkEvent.Phase.training.rawValue, default: 0] += seconds(since: start)
          start = .now
          try writeCheckpoint(state)
        }
      } while state.trainer.step < total && !isSampled(state.trainer.step)
      log.phaseSeconds[WorkEvent.Phase.training.rawValue, default: 0] += seconds(since: start)
      if isSampled(state.trainer.step) { try sample(state, sampler, evaluation) }
    }
  }

  private func isCheckpointed(_ step: Int) -> Bool {
    step % recipe.training.checkpointEvery == 0 || step == recipe.training.steps
  }

  private func isSampled(_ step: Int) -> Bool {
    step == recipe.training.steps
      || (step > 0 && recipe.samples.every > 0 && step % recipe.samples.every == 0)
  }

  private func writeCheckpoint(_ state: TrainingState) throws {
    let checkpoint = try state.write(
      in: order.attemptFolder, log: log,
      previews: log.samples.map { order.attemptFolder.appendingPathComponent($0.file) })
    try talk.tell(
      .checkpoint(
        .init(
          step: checkpoint.manifest.step, folder: checkpoint.folder.lastPathComponent,
          manifestSha256: checkpoint.manifestSha256)), isTraining: true)
    try talk.checkpointWritten()
  }

  // MARK: - Previews

  /// Previews and figures of the weights as they are now.
  private func sample(
    _ state: TrainingState, _ sampler: PreviewSampler, _ evaluation: FidelityRun?
  ) throws {
    let step = state.trainer.step
    let drawn = try timed(.sampling) {
      try withPrecision(recipe.training.precision.compute) {
        try state.withFinalWeights {
          try sampler.weights.asAfter(step: step, sampler.model, recipe) {
            try sampler.draw(step: step) { try progress(.sampling, $0, $1) }
          }
        }
      }
    }
    try announce(drawn)
    guard let evaluation else { return }
    let row = try timed(.evaluating) {
      evaluation.row(step: step, drawn)
    }
    log.evaluation.append(row)
  }

  private func announce(_ drawn: [PreviewSampler.Preview]) throws {
    guard !drawn.isEmpty else { return }
    previews += drawn
    log.samples += drawn.map(\.sample)
    let grid = ReportBuilder.grid(photos: photos, previews: previews)
    try AtomicFile.write(
      Data(try PNGEncoder.encode(grid)),
      to: order.attemptFolder.appendingPathComponent(ReportBuilder.gridFile))
    for preview in drawn { try talk.tell(.sample(preview.sample)) }
  }

  /// Previews of an earlier attempt, so that this attempt's folder holds all of the run. Those of the checkpoint's own
  /// step are not in it: it was written before they were drawn.
  private func restorePreviews(_ checkpoint: Checkpoint, _ sampler: PreviewSampler)
    throws
  {
    let samples = log.samples
    log.samples = []
    try announce(
      try samples.map {
        let name = URL(fileURLWithPath: $0.file).lastPathComponent
        return try sampler.restored($0, from: checkpoint.file(name))
      })
  }

  // MARK: - Report

  private func writeReport(
    _ setup: RunSetup, _ photos: InstanceDataset, _ plan: MemoryPlan, _ evaluation: FidelityRun?
  ) throws {
    let report = WorkReport(
      jobId: order.jobId, build: EngineBuild.version,
      instructionSet: InstructionSet.current.rawValue, threads: ThreadTeam.size, recipe: recipe,
      identifier: setup.started.identifier, identifierTokens: setup.started.identifierTokens,
      baseModel: order.baseModel.lastPathComponent, baseHash: setup.started.baseHash,
      images: photos.lines, losses: log.losses, phaseSeconds: log.phaseSeconds,
      peakMemoryBytes: peakMemoryBytes(), memoryPlan: plan,
      evaluation: evaluation.map { .init(encoder: $0.encoderName, rows: log.evaluation) },
      absent: evaluation == nil
        ? EvaluationRun.absent.merging(EvaluationRun.absentWithoutEncoder) { $1 }
        : EvaluationRun.absent)
    let builder = ReportBuilder(report: report, photos: photos.pictures, previews: previews)
    let files = [
      ("report.json", try ContractJSON.encoder(pretty: true).encode(report)),
      ("report.png", Data(try PNGEncoder.encode(builder.picture))),
    ]
    for (name, data) in files {
      try AtomicFile.write(data, to: order.attemptFolder.appendingPathComponent(name))
    }
    try talk.tell(.report(.init(files: files.map(\.0))))
  }

  // MARK: - Phases

  private func timed<R>(_ phase: WorkEvent.Phase, _ body: () throws -> R) throws -> R {
    try talk.tell(.phase(phase))
    let start = ContinuousClock.now
    defer { log.phaseSeconds[phase.rawValue, default: 0] += seconds(since: start) }
    return try body()
  }

  private func progress(_ phase: WorkEvent.Phase, _ done: Int, _ total: Int) throws {
    try talk.tell(.progress(phase: phase, done: done, total: total))
  }
}

/// Largest resident size of this process so far.
private func peakMemoryBytes() -> Int {
  var usage = rusage()
  return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 ? usage.ru_maxrss * 1024 : 0
}
