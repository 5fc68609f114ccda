import Contract
import Foundation
import HTTP
import Storage
import Testing

@testable import API

/// Captions, masks, class pictures and several subjects: files matched by their names.
@Suite struct JobPicturesTests {
  typealias File = ServiceFixture.File
  let service: ServiceFixture
  init() async throws { service = try await ServiceFixture() }

  private static let dog = #"{"class_noun":"dog"}"#
  private static let uploaded =
    #"{"class_noun":"dog","method":{"prior":{"source":"uploaded"}}}"#
  private static func twoSubjects(_ rest: String = "") -> String {
    #"{"subjects":[{"class_noun":"dog","identifier":"ab","images":["toby"]},"#
      + #"{"class_noun":"cat","images":["mia1","mia2"]}]\#(rest)}"#
  }

  static let faults: [(job: String, files: [File], expected: [String])] = [
    (dog, [File("images", "a.jpg"), File(caption: "x", "b.txt")], ["captions/0 unmatched"]),
    (dog, [File("images", "a.jpg"), File("masks", "b.mask.png")], ["masks/0 unmatched"]),
    (
      dog, [File("images", "a.jpg"), File(caption: "x", "a.txt"), File(caption: "y", "a.txt")],
      ["captions/1 ambiguous"]
    ),
    (
      dog, [File("images", "x/a.jpg"), File("images", "y/a.png"), File(caption: "x", "a.txt")],
      ["captions/0 ambiguous"]
    ),
    (dog, [File("images", "a.jpg"), File(caption: " \n", "a.txt")], ["captions/0 wrong_length"]),
    (
      dog, [File("images", "a.jpg"), File(caption: "a\u{0}b", "a.txt")],
      ["captions/0 invalid_character"]
    ),
    (
      dog, [File("images", "a.jpg"), File(caption: "a {name}", "a.txt")],
      ["captions/0 placeholder"]
    ),
    (
      dog, [File("images", "a.jpg"), File("captions", "a.txt", Data([0xFF, 0xFE]))],
      ["captions/0 not_text"]
    ),
    (
      dog,
      [File("images", "a.jpg"), File(caption: String(repeating: "x", count: 1001), "a.txt")],
      ["captions/0 wrong_length"]
    ),
    (uploaded, [File("images", "a.jpg")], ["class_images required"]),
    (dog, [File("images", "a.jpg"), File("class_images", "b.jpg")], ["class_images other_source"]),
    (
      twoSubjects(), [File("images", "toby1.jpg"), File("images", "rex.jpg")],
      [
        "/subjects/1/images/0 unmatched", "/subjects/1/images/1 unmatched", "images/1 unmatched",
      ]
    ),
    (
      #"{"subjects":[{"class_noun":"dog","images":["a"]},{"class_noun":"cat","images":["ab"]}]}"#,
      [File("images", "ab.jpg"), File("images", "a.jpg"), File("images", "abc.jpg")],
      ["images/2 unmatched"]
    ),
    (
      #"{"subjects":[{"class_noun":"dog","images":["a"]},{"class_noun":"cat","images":["ab"]}]}"#,
      [File("images", "ab1.jpg"), File("images", "a1.jpg")], ["images/0 ambiguous"]
    ),
    (
      #"{"subjects":[{"class_noun":"dog","identifier":"x"},{"identifier":"x","images":["a"]}]}"#,
      [],
      [
        "/subjects/0/images required", "/subjects/1/class_noun required",
        "/subjects/0/identifier repeated", "/subjects/1/identifier repeated",
      ]
    ),
  ]

  @Test(arguments: faults.indices)
  func `a file that fits nothing, or several things, is named`(index: Int) async throws {
    let (job, files, expected) = Self.faults[index]
    let response = try await service.upload(job, files)
    #expect(response.status == 422)
    #expect(response.faults == expected)
  }

  @Test func `P20 captions and masks find their photos whatever the folders are called`()
    async throws
  {
    let response = try await service.upload(
      #"{"class_noun":"dog","on_rejected_image":"skip"}"#,
      [
        File("images", "../../etc/toby1.jpg"), File("masks", #"C:\masks\toby1.mask.png"#),
        File(caption: " a {id} {class} on a sofa\r\n", "/tmp/toby1.txt"),
        File("images", "toby2.jpg"),
        File("masks", "toby2.png", ServiceFixture.png + Data("wide".utf8)),
        File("images", "toby3.jpg"), File("masks", "toby3.png", Data("text".utf8)),
      ], query: "?dry_run=true")
    #expect(response.status == 200)
    let images = try #require(try response.json["images"] as? [[String: Any]])
    #expect(images[0]["caption"] as? String == "a {id} {class} on a sofa")
    #expect(images[0]["verdict"] as? String == "accepted")
    // A mask of another size, or of no picture at all, takes its photo along.
    for image in images[1...] {
      let findings = try #require(image["findings"] as? [[String: Any]])
      #expect(findings.map { $0["code"] as? String } == ["mask_rejected"])
      #expect(image["verdict"] as? String == "rejected")
    }
    let names = try FileManager.default.contentsOfDirectory(
      atPath: service.stores.folder.temporary.path)
    #expect(names == [])
  }

  @Test func `the user's class pictures are counted and kept apart`() async throws {
    let made = try await service.upload(
      Self.uploaded,
      [File("images", "a.jpg"), File("class_images", "b.jpg"), File("class_images", "c.jpg")])
    #expect(made.status == 202)
    let id = try #require(try made.json["id"] as? String)
    let job = try #require(try await service.stores.jobs.find(id))
    #expect(job.recipe.prior.source == .uploaded)
    #expect(job.recipe.prior.images == 2)
    let dataset = try #require(try await service.stores.datasets.find(job.datasetId))
    #expect(dataset.photos.map(\.fileName) == ["a.jpg"])
    #expect(
      dataset.classImages.map { dataset.label(of: $0) } == ["class_images/0", "class_images/1"])
    let answer = try await service.send("GET", "/v1/datasets/\(dataset.id)").json
    #expect((answer["images"] as? [Any])?.count == 1)
    #expect((answer["class_images"] as? [Any])?.count == 2)
  }

  @Test func `P40 several subjects have their nouns, words and photos`() async throws {
    let made = try await service.upload(
      Self.twoSubjects(),
      [File("images", "toby1.jpg"), File("images", "mia2.jpg"), File("images", "mia1.jpg")])
    let id = try #require(try made.json["id"] as? String)
    let job = try #require(try await service.stores.jobs.find(id))
    #expect(job.recipe.subjects.map(\.classNoun) == ["dog", "cat"])
    #expect(job.recipe.subjects.map(\.identifier) == ["ab", "auto"])
    #expect(job.subjectImages?.map(\.images) == [["toby"], ["mia1", "mia2"]])
    let config = try #require(try made.json["resolved_config"] as? [String: Any])
    #expect((config["subjects"] as? [[String: Any]])?.count == 2)
    #expect(config["class_noun"] == nil)
  }

  @Test func `P12 another caption is another request`() async throws {
    func post(_ caption: String) async throws -> Response {
      try await service.upload(
        Self.dog, [File("images", "a.jpg"), File(caption: caption, "a.txt")],
        ["Idempotency-Key": "k"])
    }
    #expect(try await post("a dog").status == 202)
    #expect(try await post("a dog\n").headers["Idempotent-Replayed"] == "true")
    #expect(try await post("a cat").code == "idempotency_key_reused")
  }

  @Test func `as many photos are taken as may be, and no more`() async throws {
    let most = RecipeLimits.images.maximum
    let files = (0...most).map { File("images", "\($0).png") }
    #expect(try await service.upload(Self.dog, Array(files.prefix(most))).status == 202)
    let refused = try await service.upload(Self.dog, files)
    #expect(refused.faults == ["images wrong_count"])
  }
}
