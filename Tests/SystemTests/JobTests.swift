import Foundation
import TestSupport
import Testing

/// Photos in over HTTP; samples, artifact and report out.
@Suite(.serialized) struct JobTests {
  @Test func `five photos become samples, an artifact and a report`() async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    let id = try await service.submit(job: Subjects.job(), photos: Subjects.photos)
    let job = try await service.finished(id)
    #expect(job["status"] as? String == "succeeded", "\(job)")

    let samples = try await service.get("/v1/jobs/\(id)/samples").json["data"] as? [[String: Any]]
    let steps = Set((samples ?? []).compactMap { $0["step"] as? Int })
    #expect(steps == [0, 2, 4, 6], "base beside each checkpoint")
    let grid = try await service.get("/v1/jobs/\(id)/samples/grid.png")
    #expect(grid.status == 200 && grid.body.starts(with: PNGFile.signature))

    let artifacts =
      try await service.get("/v1/jobs/\(id)/artifacts").json["data"] as? [[String: Any]]
    let artifact = try #require(artifacts?.first)
    let files = try #require(artifact["files"] as? [[String: Any]])
    let names = Set(files.compactMap { $0["name"] as? String })
    #expect(
      names.isSuperset(of: [
        "model_index.json", "unet/config.json", "vae/config.json", "text_encoder/config.json",
        "tokenizer/vocab.json", "scheduler/scheduler_config.json",
      ]), "\(names)")
    let aid = try #require(artifact["id"] as? String)
    let whole = try await service.get("/v1/jobs/\(id)/artifacts/\(aid)/files/model_index.json")
    let part = try await service.send(
      "GET", "/v1/jobs/\(id)/artifacts/\(aid)/files/model_index.json",
      headers: ["Range": "bytes=2-9"])
    #expect(part.status == 206 && part.body == whole.body[2..<10])
    let index = files.first { $0["name"] as? String == "model_index.json" }
    #expect(whole.headers["etag"] == "\"\(index?["sha256"] as? String ?? "")\"")

    let reports = try await service.get("/v1/jobs/\(id)/reports").json["data"] as? [[String: Any]]
    let rid = try #require(reports?.first?["id"] as? String)
    let report = try await service.get("/v1/jobs/\(id)/reports/\(rid)")
    #expect(report.status == 200 && report.json["losses"] is [Any], "\(report.text)")
    let verdicts = (report.json["images"] as? [[String: Any]] ?? [])
      .compactMap { $0["verdict"] as? String }
    #expect(verdicts.count == 5 && verdicts.allSatisfy { ["accepted", "warned"].contains($0) })
    let picture = try await service.get("/v1/jobs/\(id)/reports/\(rid)/report.png")
    #expect(picture.status == 200 && picture.body.starts(with: PNGFile.signature))

    let events = try await service.get("/v1/jobs/\(id)/events?limit=100").json["data"]
    let sequence = (events as? [[String: Any]] ?? []).compactMap { $0["seq"] as? Int }
    #expect(!sequence.isEmpty && sequence == Array(1...sequence.count), "gap-free")
    #expect(try await service.stop() == 0)
  }

  static let subjects = [
    ("dog", "dog"), ("cat", "cat"), ("teapot", "teapot"), ("backpack", "backpack"),
    ("rc_car", "toy"), ("bear_plushie", "stuffed animal"),
  ]

  @Test(
    .enabled(
      if: Subjects.dreambench("dog") != nil, "../shared/dreambench with its photos is not here"))
  func `real photos of six subjects of different classes`() async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    var ids: [String] = []
    for (subject, noun) in Self.subjects {
      let photos = try #require(Subjects.dreambench(subject))
      ids.append(
        try await service.submit(
          job: Subjects.job(noun: noun, steps: 2), photos: Array(photos.prefix(5))))
    }
    for id in ids {
      let job = try await service.finished(id)
      #expect(job["status"] as? String == "succeeded", "\(job)")
      let dataset = try #require((job["dataset"] as? [String: Any])?["id"] as? String)
      let images = try await service.get("/v1/datasets/\(dataset)").json["images"]
      #expect((images as? [[String: Any]])?.count == 5)
      let artifacts = try await service.get("/v1/jobs/\(id)/artifacts").json["data"] as? [Any]
      #expect(artifacts?.count == 1)
    }
    #expect(try await service.stop() == 0)
  }

  @Test func `photos of a phone's size, turned and with a position, leave no metadata`()
    async throws
  {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = folder.appending(path: "data")
    let service = try await RunningService(data: data)
    let photos: [(name: String, bytes: Data)] = [1, 6, 8].map { orientation in
      let bytes = JPEGFile.encode(
        columns: 500, rows: 375, segments: [PhotoMetadata.app1(orientation: orientation)]
      ) { x, y in
        let inside = (x - 200 - 20 * orientation) * (x - 200) + (y - 190) * (y - 190) < 12_000
        return inside
          ? (red: 230, green: Double(20 * orientation), blue: 40)
          : (red: Double(x % 200), green: Double(y % 180), blue: Double((x + y) % 220))
      }
      return ("IMG_\(orientation).jpg", Data(bytes))
    }
    // What the file holds before: the test would be blind otherwise.
    let secret = Data(PhotoMetadata.exif(orientation: 6)[8..<40])
    #expect(photos[1].bytes.range(of: Data("Exif\0\0".utf8)) != nil)

    let id = try await service.submit(job: Subjects.job(steps: 2), photos: photos)
    let job = try await service.finished(id)
    #expect(job["status"] as? String == "succeeded", "\(job)")
    let dataset = try #require((job["dataset"] as? [String: Any])?["id"] as? String)
    let answer = try await service.get("/v1/datasets/\(dataset)").json
    let images = try #require(answer["images"] as? [[String: Any]])
    #expect(images.count == 3)
    let sizes = Set(images.map { "\($0["width"] ?? 0)x\($0["height"] ?? 0)" })
    #expect(sizes == ["4000x3000", "3000x4000"], "\(images)")
    for image in images {
      let path = "/v1/datasets/\(dataset)/images/\(image["id"] ?? "")/content"
      let content = try await service.get(path)
      #expect(content.status == 200 && content.body.range(of: secret) == nil)
    }
    #expect(try await service.stop() == 0)
    let traces = [secret, Data("Exif\0\0".utf8), Data("eXIf".utf8), Data("GPS".utf8)]
    let paths =
      FileManager.default.enumerator(atPath: data.path)?.compactMap { $0 as? String } ?? []
    for path in paths
    where path.hasSuffix(".png") || path.contains("blob") || path.contains("upload") {
      guard let bytes = try? Data(contentsOf: data.appending(path: path)) else { continue }
      for trace in traces.prefix(3) {
        #expect(bytes.range(of: trace) == nil, "\(path) holds metadata")
      }
    }
  }

  @Test func `a running job is cancelled, and its child is gone when it says so`() async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    let id = try await service.submit(
      job: Subjects.job(steps: 5000, checkpointEvery: 1000), photos: Subjects.photos)
    try await service.wait(for: id) { ($0["phase"] as? String) == "training" }
    #expect(service.workers.count == 1)
    #expect(try await service.send("POST", "/v1/jobs/\(id)/cancel").status == 202)
    let job = try await service.finished(id, seconds: 30)
    #expect(job["status"] as? String == "cancelled")
    #expect(service.workers.isEmpty)
    #expect(try await service.send("POST", "/v1/jobs/\(id)/cancel").status == 200)
    #expect(try await service.stop() == 0)
  }
}
