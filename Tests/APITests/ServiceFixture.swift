import Contract
import Foundation
import Jobs
import Storage

@testable import API
@testable import HTTP

/// The service without a socket, over stores in a temporary folder: requests in, answers out.
final class ServiceFixture: Sendable {
  let root: URL
  let stores: Stores
  let queue: JobQueue
  let server: Server

  static let png = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])

  init(
    memory: Int = 1 << 40, queueLimit: Int = 1000, disk: any DiskSpace = SystemDisk()
  ) async throws {
    root = FileManager.default.temporaryDirectory.appending(path: "api-tests-\(UUID().uuidString)")
    let folder = try DataFolder(root.appending(path: "data"))
    let database = try Database(folder) { _ in }
    let package = OpenAPI.file.deletingLastPathComponent()
    try await Migrator(folder: package.appending(path: "migrations"))
      .apply(database, now: SystemTime().now)
    stores = Stores(folder, database, time: SystemTime())
    var jobs = JobsConfiguration(threads: 1)
    jobs.queueLimit = queueLimit
    jobs.diskWatermark = 1 << 20
    jobs.executable = URL(filePath: "/bin/sh")
    jobs.identifierArguments = [root.appending(path: "identifiers.sh").path]
    jobs.ratesArguments = [root.appending(path: "rates.sh").path]
    jobs.childEnvironment = ["PATH": "/usr/bin:/bin"]
    queue = JobQueue(stores, configuration: jobs, decoder: SignatureDecoder(), disk: disk)
    let models = root.appending(path: "models")
    try Self.makeRates(in: root)
    try Self.makeModel(models.appending(path: "starter"))
    let context = APIContext(
      queue: queue, shelf: ModelShelf(models), build: "dreambooth test",
      engine: .init(isa: "none", threads: 1, workers: 1), limits: ServerLimits(),
      openAPI: try OpenAPIDocument.json(ofYAML: OpenAPI.file), memory: memory)
    let queue = queue
    server = try Server(
      .init(host: "127.0.0.1", port: 0), routes: RouteTable.routes(context),
      isDraining: { queue.isDraining }, problem: ProblemMapping.problem)
  }

  /// Stands for `dreambooth rates`, and notes that it ran.
  private static func makeRates(in root: URL) throws {
    let points = [BlockWork.Kind.resnet, .transformer].flatMap { kind in
      MachineRates.Pass.allCases.flatMap { pass in
        Precision.allCases.map {
          MachineRates.Point(kind, pass, $0, width: 320, side: 64, flopsPerSecond: 1e9)
        }
      }
    }
    let rates = MachineRates(points: points, optimizer: 1e9, compactOptimizer: 1e9)
    let file = root.appending(path: "rates.json")
    try ContractJSON.encoder().encode(rates).write(to: file)
    let script = "echo x >> \(root.path)/rates-measured\ncp \(file.path) \"$2\"\n"
    try Data(script.utf8).write(to: root.appending(path: "rates.sh"))
  }

  deinit { try? FileManager.default.removeItem(at: root) }

  /// Stands for `dreambooth identifiers`: a report on one word, or, asked for `fail`, a reason.
  func prepareIdentifiers() throws {
    let report = IdentifierReport(
      classNoun: "dog", baseHash: "b", features: "none", seeds: [1], sampler: .ddim, steps: 2,
      guidance: 3, size: 8, classPictures: ["class-seed1.png"], baseline: 0.5, classAgreement: 0.7,
      grid: "grid.png",
      candidates: [
        .init(
          rank: 1, text: "xjy", tokenIds: [7], roundTrips: true, score: 0.9, agreement: 0.5,
          shift: 0.1, alone: ["a.png"], withClass: ["b.png"])
      ])
    let survey = root.appending(path: "survey")
    try FileIO.createFolder(survey)
    try ContractJSON.encoder().encode(report)
      .write(to: survey.appending(path: IdentifierReport.fileName))
    for name in report.pictures { try Self.png.write(to: survey.appending(path: name)) }
    let script = """
      while [ $# -gt 0 ]; do
        [ "$1" = --output ] && out="$2"; [ "$1" = --tokens ] && tokens="$2"; shift
      done
      case "$tokens" in *fail*) echo "this model knows no words" >&2; exit 2;; esac
      cp -r \(survey.path) "$out.part" && mv "$out.part" "$out"
      """
    try Data(script.utf8).write(to: root.appending(path: "identifiers.sh"))
  }

  private static func makeModel(_ folder: URL) throws {
    for name in ["unet", "vae", "text_encoder", "scheduler"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    let index =
      #"{"_class_name":"StableDiffusionPipeline","unet":["diffusers","UNet2DConditionModel"]}"#
    try Data(index.utf8).write(to: folder.appending(path: "model_index.json"))
    try Data(#"{"sample_size":16}"#.utf8).write(to: folder.appending(path: "unet/config.json"))
    try Data(#"{"block_out_channels":[1,1,1]}"#.utf8)
      .write(to: folder.appending(path: "vae/config.json"))
    try tensors(["w": [2, 3], "mid.attn1.to_q.weight": [4, 6], "mid.attn2.to_k.weight": [4, 8]])
      .write(to: folder.appending(path: "unet/diffusion_pytorch_model.safetensors"))
    try tensors(["text_model.embeddings.token_embedding.weight": [10, 8]])
      .write(to: folder.appending(path: "text_encoder/model.safetensors"))
    try Data(#"{"prediction_type":"epsilon"}"#.utf8)
      .write(to: folder.appending(path: "scheduler/scheduler_config.json"))
    try Data(#"{"steps":300,"prior_images":20}"#.utf8)
      .write(to: folder.appending(path: "dreambooth.json"))
  }

  /// A safetensors file of zeros.
  private static func tensors(_ shapes: [String: [Int]]) throws -> Data {
    var (entries, bytes): ([String: Any], Int) = ([:], 0)
    for (name, shape) in shapes {
      let end = bytes + 4 * shape.reduce(1, *)
      entries[name] = ["dtype": "F32", "shape": shape, "data_offsets": [bytes, end]]
      bytes = end
    }
    let header = try JSONSerialization.data(withJSONObject: entries)
    var file = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
    file.append(header + Data(count: bytes))
    return file
  }

  func send(
    _ method: String, _ target: String, _ headers: Headers = [:], body: Data = Data()
  ) async throws -> Response {
    var headers = headers
    headers["Host"] = "127.0.0.1"
    return await server.respond(
      try Request(
        method: method, target: target, headers: headers, body: RequestBody(chunks: [body])))
  }

  func create(
    _ job: String = #"{"class_noun":"dog"}"#, images: [Data] = [png], query: String = "",
    _ headers: Headers = [:]
  ) async throws -> Response {
    try await upload(
      job, images.enumerated().map { File("images", "../\($0).png", $1) }, query: query, headers)
  }

  /// A part of an upload after `job`.
  struct File {
    let field: String
    let name: String
    let data: Data
    init(_ field: String, _ name: String, _ data: Data = ServiceFixture.png) {
      (self.field, self.name, self.data) = (field, name, data)
    }
    init(caption text: String, _ name: String) { self.init("captions", name, Data(text.utf8)) }
  }

  func upload(
    _ job: String, _ files: [File], query: String = "", _ headers: Headers = [:]
  ) async throws -> Response {
    var headers = headers
    headers["Content-Type"] = "multipart/form-data; boundary=XX"
    var body = Data("--XX\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\(job)".utf8)
    for file in files {
      body.append(
        Data(
          ("\r\n--XX\r\nContent-Disposition: form-data; name=\"\(file.field)\"; "
            + "filename=\"\(file.name)\"\r\n\r\n").utf8))
      body.append(file.data)
    }
    body.append(Data("\r\n--XX--\r\n".utf8))
    return try await send("POST", "/v1/jobs\(query)", headers, body: body)
  }

  func post(_ target: String, _ json: String, _ headers: Headers = [:]) async throws -> Response {
    var headers = headers
    headers["Content-Type"] = "application/json"
    return try await send("POST", target, headers, body: Data(json.utf8))
  }

  /// The configuration that a dry run resolves the request to.
  func resolved(_ job: String, images: Int = 1) async throws -> [String: Any] {
    let answer = try await create(
      job, images: Array(repeating: Self.png, count: images), query: "?dry_run=true")
    return try answer.json["resolved_config"] as? [String: Any] ?? [:]
  }

  /// Intake, claim and a whole run, as the dispatcher and a worker would have left them.
  func run(_ id: String) async throws {
    guard let job = try await stores.jobs.find(id),
      var dataset = try await stores.datasets.find(job.datasetId)
    else { return }
    let blob = try stores.blobs.store(Self.png)
    for index in dataset.images.indices {
      dataset.images[index].verdict = .warned
      dataset.images[index].findings = [ImageFinding(.upscaled, "small")]
      dataset.images[index].cropBox = CropBox(x: 0, y: 0, side: 8)
      (dataset.images[index].width, dataset.images[index].height) = (8, 8)
      dataset.images[index].blob = blob
      if dataset.images[index].maskName != nil { dataset.images[index].mask = blob }
    }
    dataset.sha256 = blob
    _ = try await stores.datasets.conclude(
      dataset, warnings: [JobWarning(code: "upscaled", param: "images/0", message: "small")],
      ofJob: id, JobMove(to: .queued, from: [.validating]))
    guard let job = try await stores.jobs.claim() else { return }
    let fence = Fence(jobId: job.id, epoch: job.epoch)
    let attempt = stores.folder.attempt(ofJob: job.id, epoch: job.epoch)
    try FileIO.createFolder(attempt)
    func write(_ name: String, _ data: Data) throws -> StoredFile {
      let file = attempt.appending(path: name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try data.write(to: file)
      return StoredFile(
        name: "e\(job.epoch)/\(name)", bytes: data.count, sha256: FileHash.sha256(data))
    }
    _ = try await stores.jobs.recordIdentifier(
      fence, JobIdentifier(text: "xjy", tokenIds: [7], source: "auto"))
    var progress = JobProgress(step: 2, totalSteps: 4)
    progress.loss = .init(instance: 0.5, prior: 0.25)
    progress.stepMs = .init(p50: 10, p90: 12)
    progress.eta = .init(p50: SystemTime().now, p90: SystemTime().now)
    _ = try await stores.jobs.recordProgress(fence, phase: .training, progress: progress)
    let steps = (1...4).map {
      StepMetrics(
        step: $0, totalSteps: 4, loss: 0.75, instanceLoss: 0.5, priorLoss: 0.25, gradientNorm: 1,
        learningRate: 5e-6, seconds: 0.01)
    }
    try stores.metrics.append(steps, ofJob: id)
    try Data("loading\n".utf8).write(to: stores.folder.log(ofJob: id))
    let listed = #"{"files":[{"bytes":1,"name":"w","sha256":"\#(FileHash.sha256(Data([1])))"}]}"#
    _ = try write("step-000004/w", Data([1]))
    let manifest = try write("step-000004/manifest.json", Data(listed.utf8)).sha256
    _ = try await stores.checkpoints.record(
      fence, .init(step: 4, folder: "step-000004", manifestSha256: manifest),
      folder: "e\(job.epoch)/step-000004")
    let sample = WorkEvent.Sample(
      step: 4, promptIndex: 0, prompt: "a xjy dog", seed: 1, file: "samples/a.png", width: 8,
      height: 8)
    _ = try await stores.samples.record(fence, sample, file: try write("samples/a.png", Self.png))
    _ = try write("samples/grid.png", Self.png + Data("grid".utf8))
    _ = try await stores.reports.record(
      fence,
      files: [
        try write("report.json", Data(#"{"version":1}"#.utf8)),
        try write("report.png", Self.png),
      ])
    let weights = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0) })
    let file = try write("diffusers/unet/weights.safetensors", weights)
    _ = try await stores.artifacts.publish(
      fence,
      [
        .init(
          format: "diffusers", folder: "diffusers",
          files: [.init(name: "unet/weights.safetensors", bytes: 1000, sha256: file.sha256)])
      ], outcome: .complete)
  }
}

/// Takes what begins as a PNG does, and nothing else; what goes on with "wide" is wider.
private struct SignatureDecoder: PhotoDecoder {
  func decode(
    _ photo: URL, targetSide: Int?, into folder: URL
  ) async throws -> DecodedPhoto {
    let data = FileManager.default.contents(atPath: photo.path) ?? Data()
    guard data.starts(with: ServiceFixture.png) else {
      return DecodedPhoto(
        result: DecodeResult(findings: [ImageFinding(.undecodable, "not a picture")]), pixels: nil)
    }
    let pixels = folder.appending(path: UUID().uuidString)
    try data.write(to: pixels)
    let width = data.dropFirst(ServiceFixture.png.count).starts(with: Data("wide".utf8)) ? 16 : 8
    return DecodedPhoto(
      result: DecodeResult(findings: [], width: width, height: 8), pixels: pixels)
  }
}

extension Response {
  var data: Data {
    get throws {
      switch body {
      case .data(let data): return data
      case .file(let file, let offset, let length):
        var bytes = Data(count: length)
        _ = bytes.withUnsafeMutableBytes {
          pread(file.descriptor, $0.baseAddress, length, off_t(offset))
        }
        return bytes
      }
    }
  }

  var json: [String: Any] {
    get throws {
      try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
  }

  var code: String? { (try? json)?["code"] as? String }

  /// Pointer and code of each fault.
  var faults: [String] {
    let errors = (try? json)?["errors"] as? [[String: Any]] ?? []
    return errors.map { "\($0["pointer"] ?? "") \($0["code"] ?? "")" }
  }
}

/// A disk whose space does not change, whatever other tests write meanwhile.
struct FixedDisk: DiskSpace {
  let free: Int64
  func freeBytes(at folder: URL) -> Int64 { free }
}
