import Contract
import Diffusion
import Evaluation
import Foundation
import Imaging
import TestSupport
import Testing
import Training

@Suite struct IdentifierEvidenceTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("base"))
    try TinyModel.writeEncoderPair(to: folder.file("clip"))
  }

  private func report(
    words: [String], count: Int = 3, clip: Bool = true, to name: String = "out"
  ) throws -> IdentifierReport {
    var settings = IdentifierEvidence.Settings()
    (settings.seeds, settings.steps) = ([1, 2], 2)
    return try IdentifierEvidence(
      StableDiffusion(opening: folder.file("base")),
      clip: clip ? CLIPFeatures(opening: folder.file("clip")) : nil, settings
    ).write(classNoun: "dog", words: words, count: count, to: folder.file(name))
  }

  @Test func `P37 each candidate comes back as itself and is drawn`() throws {
    let report = try report(words: [])
    #expect(report.candidates.count == 3)
    #expect(report.candidates.map(\.rank) == [1, 2, 3])
    #expect(Set(report.candidates.map(\.text)).isSuperset(of: ["zq", "xv"]))
    #expect(report.candidates.allSatisfy { $0.roundTrips })
    #expect(report.candidates.map(\.score) == report.candidates.map(\.score).sorted(by: >))
    for name in report.pictures {
      let picture = try ImageDecoder.decode(contentsOf: folder.file("out").appending(path: name))
      #expect(picture.picture.width > 0)
    }
    #expect(report.classPictures.count == 2)
    #expect(report.features.hasPrefix("clip"))
  }

  @Test func `the user's own words are looked at, those that fall apart too`() throws {
    let report = try report(words: ["abcdef", "zq"], clip: false)
    let words = Dictionary(uniqueKeysWithValues: report.candidates.map { ($0.text, $0) })
    #expect(words["zq"]?.roundTrips == true)
    #expect(words["abcdef"]?.roundTrips == false)
    #expect(report.features.contains("no encoder"))
  }

  @Test func `the same question has the same answer`() throws {
    let (a, b) = (try report(words: ["zq"]), try report(words: ["zq"], to: "again"))
    #expect(a == b)
    for name in a.pictures {
      #expect(
        try Data(contentsOf: folder.file("out").appending(path: name))
          == Data(contentsOf: folder.file("again").appending(path: name)))
    }
  }
}
