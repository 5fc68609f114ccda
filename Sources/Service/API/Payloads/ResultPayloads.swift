import Contract
import Storage

struct EventPayload: Encodable, Sendable {
  var id: String
  var object = "event"
  var seq: Int
  var jobId: String
  var statusSeq: Int
  var createdAt: Timestamp
  var type: EventType
  var level: Event.Level
  var message: String
  var data: [String: String]

  init(_ event: Event) {
    id = event.id
    seq = event.seq
    jobId = event.jobId
    statusSeq = event.statusSeq
    createdAt = event.createdAt
    type = event.type
    level = event.level
    message = event.message
    data = event.data
  }
}

struct SamplePayload: Encodable, Sendable {
  var id: String
  var object = "sample"
  var step: Int
  var promptIndex: Int
  var prompt: String
  var seed: UInt64
  var width: Int
  var height: Int
  var bytes: Int
  var sha256: String
  var createdAt: Timestamp
  var url: String

  init(_ sample: Sample) {
    id = sample.id
    step = sample.step
    promptIndex = sample.promptIndex
    prompt = sample.prompt
    seed = sample.seed
    width = sample.width
    height = sample.height
    bytes = sample.bytes
    sha256 = sample.sha256
    createdAt = sample.createdAt
    url = "/v1/jobs/\(sample.jobId)/samples/\(sample.id)"
  }
}

struct CheckpointPayload: Encodable, Sendable {
  var id: String
  var object = "checkpoint"
  var step: Int
  var epoch: Int
  var manifestSha256: String
  var createdAt: Timestamp

  init(_ checkpoint: Checkpoint) {
    id = checkpoint.id
    step = checkpoint.step
    epoch = checkpoint.epoch
    manifestSha256 = checkpoint.manifestSha256
    createdAt = checkpoint.createdAt
  }
}

struct FilePayload: Encodable, Sendable {
  var name: String
  var bytes: Int
  var sha256: String
  var url: String
}

struct ReportPayload: Encodable, Sendable {
  var id: String
  var object = "report"
  var createdAt: Timestamp
  var files: [FilePayload]
  var url: String
  var pngUrl: String

  init(_ report: Report) {
    let home = "/v1/jobs/\(report.jobId)/reports/\(report.id)"
    id = report.id
    createdAt = report.createdAt
    url = home
    pngUrl = "\(home)/report.png"
    files = report.files.map { file in
      FilePayload(
        name: file.name, bytes: file.bytes, sha256: file.sha256,
        url: file.name.hasSuffix(".png") ? "\(home)/report.png" : home)
    }
  }
}

struct ArtifactPayload: Encodable, Sendable {
  var id: String
  var object = "artifact"
  var format: String
  var bytes: Int
  var sha256: String
  var createdAt: Timestamp
  var files: [FilePayload]
  var url: String

  init(_ artifact: Artifact) {
    let home = "/v1/jobs/\(artifact.jobId)/artifacts/\(artifact.id)"
    id = artifact.id
    format = artifact.format
    bytes = artifact.bytes
    sha256 = artifact.sha256
    createdAt = artifact.createdAt
    url = home
    files = artifact.files.map {
      FilePayload(
        name: $0.name, bytes: $0.bytes, sha256: $0.sha256, url: "\(home)/files/\($0.name)")
    }
  }
}

/// Everything that is needed to run the job again.
struct RecipePayload: Encodable, Sendable {
  struct Picture: Encodable, Sendable {
    var id: String
    var sha256: String
  }

  var object = "recipe"
  var version = 1
  var jobId: String
  var resolvedConfig: ResolvedConfig
  var recipe: TrainingRecipe
  var baseModel: BaseModelReference
  var datasetId: String
  var datasetSha256: Null<String>
  var images: [Picture]
  var seed: UInt64
  var build: String

  init(_ job: Job, _ dataset: Dataset) {
    jobId = job.id
    resolvedConfig = ResolvedConfig(job)
    recipe = job.recipe
    baseModel = job.baseModel
    datasetId = dataset.id
    datasetSha256 = Null(dataset.sha256)
    images = dataset.kept.map { Picture(id: $0.id, sha256: $0.blob ?? "") }
    seed = job.seed
    build = job.build
  }
}

struct BaseModelPayload: Encodable, Sendable {
  var id: String
  var object = "base_model"
  var sha256: String
  var bytes: Int
  var className: String
  var components: [String: String]
  var resolution: Null<Int>
  var prediction: Null<String>
  var defaults: Null<RecommendedDefaults>
  var refusal: Null<String>

  init(_ model: ModelShelf.Model) {
    id = model.id
    sha256 = model.sha256
    bytes = model.bytes
    className = model.className
    components = model.components
    resolution = Null(model.resolution)
    prediction = Null(model.prediction)
    defaults = Null(model.defaults)
    refusal = Null(model.refusal)
  }
}
