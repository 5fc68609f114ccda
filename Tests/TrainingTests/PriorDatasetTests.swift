import Contract
import Foundation
import Imaging
import TestSupport
import Testing
import Training

@Suite struct PriorDatasetTests {
  private let cache: TemporaryFolder
  private let dataset: PriorDataset

  init() throws {
    cache = try TemporaryFolder()
    dataset = try PriorDataset(Self.settings(prompt: "a dog"), cache: cache.url)
  }

  static func settings(prompt: String) -> PriorDataset.Settings {
    PriorDataset.Settings(
      baseHash: "00", prompt: prompt, sampler: .ddpm, steps: 2, guidance: 2, size: 8,
      precision: .f32)
  }

  static let black = PixelBuffer(width: 8, height: 8, fill: .black)

  static func picture(_ k: Int) -> PixelBuffer {
    var picture = black
    for i in 0..<8 { picture[i, i] = RGB(255, UInt8(k), 0) }
    return picture
  }

  @Test func `P36 planted black pictures are dropped and the next indices drawn`() throws {
    var drawn: [Int] = []
    let found = try dataset.pictures(
      3, group: 2,
      draw: { range in
        drawn += range
        return range.map { [1, 2].contains($0) ? Self.black : Self.picture($0) }
      }, onPicture: { _ in })
    #expect(found.pictures == [0, 3, 4].map(Self.picture))
    #expect(drawn == [0, 1, 2, 3, 4, 5])
  }

  @Test func `P36 repeats are dropped`() throws {
    let found = try dataset.pictures(
      2, group: 1, draw: { $0.map { Self.picture($0 / 2) } }, onPicture: { _ in })
    #expect(found.pictures == [Self.picture(0), Self.picture(1)])
  }

  @Test func `P36 a second job draws none, and gets the same pictures`() throws {
    let first = try dataset.pictures(
      3, group: 2, draw: { $0.map(Self.picture) }, onPicture: { _ in })
    let second = try PriorDataset(Self.settings(prompt: "a dog"), cache: cache.url).pictures(
      3, group: 2,
      draw: { range in
        Issue.record("drew \(range) again")
        return range.map(Self.picture)
      }, onPicture: { _ in })
    #expect(second.pictures == first.pictures)
    #expect(second.hash == first.hash)
  }

  @Test func `other settings have pictures of their own`() throws {
    let other = try PriorDataset(Self.settings(prompt: "a cat"), cache: cache.url)
    #expect(other.folder != dataset.folder)
  }

  @Test func `what a killed run has drawn stays, and a damaged file is drawn again`() throws {
    struct Killed: Error {}
    #expect(throws: Killed.self) {
      try dataset.pictures(
        4, group: 2, draw: { $0.map(Self.picture) },
        onPicture: { count in if count == 3 { throw Killed() } })
    }
    try Data("cut".utf8).write(to: dataset.folder.appending(path: "000001.png"))
    var drawn: [Range<Int>] = []
    let found = try dataset.pictures(
      4, group: 2,
      draw: { range in
        drawn.append(range)
        return range.map(Self.picture)
      }, onPicture: { _ in })
    #expect(drawn == [0..<2])
    #expect(found.pictures == (0..<4).map(Self.picture))
  }

  @Test func `P36 a base that draws nothing is reported, not drawn for hours`() throws {
    #expect(throws: TrainingError.self) {
      try dataset.pictures(
        3, group: 4, draw: { $0.map { _ in Self.black } }, onPicture: { _ in })
    }
  }
}
