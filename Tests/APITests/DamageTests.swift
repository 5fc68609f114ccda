import Foundation
import Glibc
import HTTP
import Storage
import Testing

@testable import API

/// Files that have decayed or were changed behind the service's back.
@Suite struct DamageTests {
  private struct Place {
    let target: String
    let file: URL
  }

  /// A finished job's files and where they are offered.
  private func places(_ service: ServiceFixture, _ id: String) async throws -> [Place] {
    let (stores, home) = (service.stores, "/v1/jobs/\(id)")
    let artifact = try #require(try await stores.artifacts.list(ofJob: id).first)
    let sample = try #require(try await stores.samples.list(ofJob: id).first)
    let datasetId = try #require(try await stores.jobs.find(id)?.datasetId)
    let image = try #require(try await stores.datasets.find(datasetId)?.images.first)
    func file(_ name: String) -> URL { stores.folder.file(ofJob: id, name) }
    return [
      Place(
        target: "\(home)/artifacts/\(artifact.id)/files/unet/weights.safetensors",
        file: file("\(artifact.folder)/unet/weights.safetensors")),
      Place(target: "\(home)/samples/\(sample.id)", file: file(sample.file)),
      Place(target: "\(home)/reports/latest", file: file("e1/report.json")),
      Place(target: "\(home)/reports/latest/report.png", file: file("e1/report.png")),
      Place(
        target: "/v1/datasets/\(datasetId)/images/\(image.id)/content",
        file: stores.blobs.url(try #require(image.blob))),
    ]
  }

  private func finishedJob(_ service: ServiceFixture) async throws -> String {
    let made = try await service.create()
    let id = try #require(try made.json["id"] as? String)
    try await service.run(id)
    return id
  }

  private func damages(_ service: ServiceFixture, _ id: String) async throws -> [Event] {
    try await service.stores.events.list(ofJob: id, types: [.jobWarning], limit: 100).items
      .filter { $0.data["code"] == "file_damaged" }
  }

  @Test(arguments: ["flipped", "cut", "longer", "another", "missing"])
  func `a damaged file is answered with a problem and noted once`(damage: String) async throws {
    let service = try await ServiceFixture()
    let id = try await finishedJob(service)
    for (number, place) in try await places(service, id).enumerated() {
      let whole = try await service.send("GET", place.target)
      #expect(whole.status == 200)
      var data = try Data(contentsOf: place.file)
      switch damage {
      case "flipped": data[data.count / 2] ^= 1
      case "cut": data = data.prefix(data.count / 2)
      case "longer": data.append(0)
      case "another": data = Data(data.reversed())
      default: try FileIO.remove(place.file)
      }
      if damage != "missing" { try data.write(to: place.file) }
      let etag = try #require(whole.headers["ETag"])
      for headers: Headers in [[:], ["Range": "bytes=0-0"], ["If-None-Match": etag]] {
        let answer = try await service.send("GET", place.target, headers)
        #expect(answer.status == 500, "\(place.target)")
        #expect(answer.code == "file_damaged")
        #expect(answer.headers["ETag"] == nil)
        let detail = try answer.json["detail"] as? String ?? ""
        #expect(detail.contains("from a backup"), "\(detail)")
        #expect(!detail.contains(service.root.path))
      }
      let noted = try await damages(service, id)
      #expect(noted.count == number + 1, "\(place.target)")
      #expect(noted.last?.level == .warn)
    }
  }

  @Test func `a file that cannot be read now is neither damaged nor missing`() async throws {
    let service = try await ServiceFixture()
    let id = try await finishedJob(service)
    for place in try await places(service, id) {
      for code in [EIO, EMFILE, ENOMEM] {
        FaultPoint.arm(under: place.file) { call, _ in call == .open ? code : nil }
        let answer = try await service.send("GET", place.target)
        FaultPoint.arm(under: place.file, nil)
        #expect(answer.status == 503, "\(place.target)")
        #expect(answer.code == "storage_unavailable")
        #expect(answer.headers["Retry-After"] != nil)
      }
      #expect(try await service.send("GET", place.target).status == 200)
    }
    #expect(try await damages(service, id).isEmpty)
  }

  @Test func `a scrub finds damage that nobody asked for, and says so once`() async throws {
    let service = try await ServiceFixture()
    let id = try await finishedJob(service)
    let places = try await places(service, id)
    let scrub = Scrub(service.stores, bytesPerSecond: 1 << 30)
    let clean = try await scrub.run { false }
    #expect((clean.files, clean.damaged, clean.unread) == (5, [], 0))
    try Data("decayed".utf8).write(to: places[0].file)
    try FileIO.remove(places[4].file)
    FaultPoint.arm(under: places[1].file) { _, _ in EIO }
    defer { FaultPoint.arm(under: places[1].file, nil) }
    for _ in 0..<2 {
      let outcome = try await scrub.run { false }
      #expect(outcome.damaged.count == 2)
      #expect(outcome.unread == 1)
    }
    #expect(try await damages(service, id).count == 2)
    #expect(try await scrub.run { true }.files == 0)
  }
}
