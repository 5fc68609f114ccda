import Contract
import Foundation
import Jobs
import Storage
import Testing

@Suite(.serialized) struct DamagedPhotoTests {
  @Test(arguments: ["another picture", ""])
  func `a job whose kept photo has changed fails with the photo's name and trains nothing`(
    content: String
  ) async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().finished().write(for: fixture)
    try await fixture.running {
      let first = try await fixture.finished(try await fixture.submit().id)
      #expect(first.status == .succeeded)
      let dataset = try #require(try await fixture.stores.datasets.find(first.datasetId))
      let blob = try #require(dataset.images[1].blob)
      try Data(content.utf8).write(to: fixture.stores.blobs.url(blob))
      let again = try await fixture.submit([]) { $0.sharedDataset = first.datasetId }
      let failed = try await fixture.finished(again.id)
      #expect(failed.status == .failed)
      #expect(failed.error?.code == .photoDamaged)
      #expect(failed.error?.param == "images/1")
      for id in [first.id, again.id] {
        let events = try await fixture.stores.events.list(ofJob: id, types: [.jobWarning]).items
        #expect(events.map { $0.data["code"] } == ["file_damaged"])
      }
      let folder = fixture.stores.folder.attempt(ofJob: again.id, epoch: 1)
      #expect(!FileManager.default.fileExists(atPath: folder.path))
    }
    try fixture.close()
  }
}
