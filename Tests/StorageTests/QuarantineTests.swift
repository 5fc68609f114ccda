import Foundation
import Storage
import Testing

@Suite struct QuarantineTests {
  @Test func `a name that is taken gets a number and both files stay`() throws {
    let fixture = try StorageFixture()
    let quarantine = Quarantine(fixture.folder, now: fixture.time.now)
    var places: [String] = []
    for text in ["one", "two"] {
      let file = fixture.folder.jobs.appending(path: "job_x")
      try Data(text.utf8).write(to: file)
      places.append(try quarantine.take(file, because: "a test").to)
    }
    #expect(places[1] == places[0] + "-2")
    let kept = try places.map {
      String(decoding: try Data(contentsOf: fixture.root.appending(path: $0)), as: UTF8.self)
    }
    #expect(kept == ["one", "two"])
  }

  @Test func `a day goes after thirty whole days and nothing else goes`() throws {
    let fixture = try StorageFixture()
    let quarantine = Quarantine(fixture.folder, now: fixture.time.now)
    let file = fixture.folder.blobs.appending(path: "x")
    try Data("x".utf8).write(to: file)
    let entry = try quarantine.take(file, because: "a test")
    try FileIO.createFolder(fixture.folder.quarantine.appending(path: "not a day"))
    let place = fixture.root.appending(path: entry.to)
    fixture.time.advance(milliseconds: 30 * 86_400_000)
    #expect(try quarantine.expire(now: fixture.time.now).isEmpty)
    #expect(FileManager.default.fileExists(atPath: place.path))
    fixture.time.advance(milliseconds: 86_400_000)
    #expect(try quarantine.expire(now: fixture.time.now).count == 1)
    #expect(!FileManager.default.fileExists(atPath: place.path))
    let left = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.quarantine.path)
    #expect(left == ["not a day"])
  }
}
