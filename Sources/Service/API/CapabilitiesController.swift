import Contract
import HTTP
import Jobs
import Storage

/// What this build can do, and what is waiting for it.
struct CapabilitiesController: Sendable {
  private struct Queue: Encodable, Sendable {
    var object = "queue"
    var limit: Int
    var workers: Int
    var counts: [String: Int]
    var running: [String]
    /// In the order in which they will start.
    var waiting: [String]
  }

  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func get(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let models = try await context.shelf.list()
    return try .tagged(
      Capabilities(
        build: context.build, engine: context.engine, baseModels: models.map(\.id),
        limits: Self.limits(context.limits)), request)
  }

  @Sendable func queue(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let jobs = context.stores.jobs
    let counts = try await jobs.counts()
    let running = try await jobs.all(in: [.running, .pausing, .cancelling])
    return try .json(
      Queue(
        limit: context.queue.configuration.queueLimit,
        workers: context.queue.configuration.workers,
        counts: Dictionary(
          JobState.allCases.map { ($0.rawValue, counts[$0] ?? 0) }, uniquingKeysWith: +),
        running: running.map(\.id), waiting: try await jobs.queue(limit: 1000)))
  }

  private static func limits(_ server: ServerLimits) -> [String: Capabilities.Bounds<Double>] {
    func bounds<Value>(_ range: RecipeLimits.Range<Value>, _ double: (Value) -> Double)
      -> Capabilities.Bounds<Double>
    {
      .init(min: double(range.minimum), max: double(range.maximum))
    }
    let (floats, whole) = ({ (value: Float) in Double("\(value)") ?? 0 }, { (n: Int) in Double(n) })
    return [
      "images": bounds(RecipeLimits.images, whole),
      "class_images": bounds(JobUpload.classImages, whole),
      "subjects": bounds(RecipeLimits.subjects, whole),
      "image_bytes": .init(min: 1, max: Double(server.fileBytes)),
      "upload_bytes": .init(min: 1, max: Double(server.uploadBytes)),
      "caption_length": bounds(RecipeLimits.captionLength, whole),
      "steps": bounds(RecipeLimits.steps, whole),
      "learning_rate": bounds(RecipeLimits.learningRate, floats),
      "batch_size": bounds(RecipeLimits.batchSize, whole),
      "gradient_accumulation": bounds(RecipeLimits.gradientAccumulation, whole),
      "resolution": bounds(RecipeLimits.resolution, whole),
      "min_snr_gamma": bounds(RecipeLimits.minSnrGamma, floats),
      "offset_noise": bounds(RecipeLimits.offsetNoise, floats),
      "unmasked_weight": bounds(RecipeLimits.weightOutsideMask, floats),
      "prior_images": bounds(RecipeLimits.priorImages, whole),
      "prior_weight": bounds(RecipeLimits.priorWeight, floats),
      "consistency_beta": bounds(RecipeLimits.consistencyBeta, floats),
      "rank": bounds(RecipeLimits.rank, whole),
      "alpha": bounds(RecipeLimits.alpha, floats),
      "dropout": bounds(RecipeLimits.unitInterval, floats),
      "vectors": bounds(RecipeLimits.vectors, whole),
      "pull": bounds(RecipeLimits.pull, floats),
    ]
  }
}
