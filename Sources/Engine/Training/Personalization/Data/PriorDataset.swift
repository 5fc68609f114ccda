package import Contract
package import Foundation
package import Imaging
import Weights

/// Class pictures drawn from the frozen base model *before* anything is trained, kept on disk and shared by
/// all jobs with the same settings.
///
/// Picture k is a function of the settings and k. Blank ones and repeats are dropped and the next index is
/// drawn; what a cancelled or killed run has drawn stays.
package struct PriorDataset {
  /// Everything that the pictures depend on. The seed is a constant, so that jobs share pictures.
  package struct Settings: Codable, Equatable, Sendable {
    package var version = 1
    package var baseHash: String
    package var prompt: String
    package var sampler: SamplerName
    package var steps: Int
    package var guidance: Float
    package var size: Int
    package var precision: Precision
    package var seed: UInt64 = 0
    package init(
      baseHash: String, prompt: String, sampler: SamplerName, steps: Int, guidance: Float,
      size: Int, precision: Precision
    ) {
      (self.baseHash, self.prompt, self.sampler) = (baseHash, prompt, sampler)
      (self.steps, self.guidance, self.size) = (steps, guidance, size)
      self.precision = precision
    }
  }

  package let settings: Settings
  package let folder: URL

  package init(_ settings: Settings, cache: URL) throws {
    self.settings = settings
    let key = FileDigest.sha256(try ContractJSON.encoder().encode(settings)).prefix(32)
    folder = cache.appendingPathComponent("class-images").appendingPathComponent(String(key))
  }

  /// - Parameters:
  ///   - count: how many pictures are wanted
  ///   - group: indices are drawn in whole groups of this size, so that a picture has the same neighbours,
  ///     and with them the same bits, whenever it is drawn
  ///   - draw: the pictures of a range of indices
  ///   - onPicture: how many of the wanted pictures are there
  package func pictures(
    _ count: Int, group: Int, draw: (Range<Int>) throws -> [PixelBuffer],
    onPicture: (Int) throws -> Void
  ) throws -> (pictures: [PixelBuffer], hash: String) {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try AtomicFile.write(
      try ContractJSON.encoder(pretty: true).encode(settings),
      to: folder.appendingPathComponent("settings.json"))
    var kept: [(picture: PixelBuffer, digest: String)] = []
    var index = 0
    while kept.count < count {
      guard index - kept.count <= 2 * count + 16 else {
        throw TrainingError.classImagesUnusable(
          prompt: settings.prompt,
          reason: "\(index - kept.count) of \(index) pictures were blank or repeats")
      }
      if state(index) == .missing { try drawGroup(around: index, size: group, draw) }
      if case .picture(let picture) = state(index) {
        let digest = FileDigest.sha256(Data(picture.pixels))
        if picture.isBlank || kept.contains(where: { $0.digest == digest }) {
          try drop(index)
        } else {
          kept.append((picture, digest))
          try onPicture(kept.count)
        }
      }
      index += 1
    }
    let hash = FileDigest.sha256(Data(kept.map(\.digest).joined(separator: "\n").utf8))
    return (kept.map(\.picture), hash)
  }

  private enum State: Equatable { case missing, dropped, picture(PixelBuffer) }

  private func state(_ index: Int) -> State {
    if FileManager.default.fileExists(atPath: file(index, "dropped").path) { return .dropped }
    guard let decoded = try? ImageDecoder.decode(contentsOf: file(index, "png")),
      decoded.picture.width == settings.size, decoded.picture.height == settings.size
    else { return .missing }
    return .picture(decoded.picture)
  }

  private func drawGroup(
    around index: Int, size: Int, _ draw: (Range<Int>) throws -> [PixelBuffer]
  ) throws {
    let first = index / size * size
    let pictures = try draw(first..<first + size)
    for (i, picture) in zip(first..., pictures) where state(i) == .missing {
      try AtomicFile.write(Data(try PNGEncoder.encode(picture)), to: file(i, "png"))
    }
  }

  private func drop(_ index: Int) throws {
    try AtomicFile.write(Data(), to: file(index, "dropped"))
    try FileManager.default.removeItem(at: file(index, "png"))
  }

  private func file(_ index: Int, _ ending: String) -> URL {
    let digits = String(index)
    return folder.appendingPathComponent(
      String(repeating: "0", count: max(0, 6 - digits.count)) + digits + "." + ending)
  }
}

extension PixelBuffer {
  /// Black, white or of one colour: no channel deviates by more than two levels.
  package var isBlank: Bool {
    let count = Double(width * height)
    return (0..<3).allSatisfy { channel in
      var (sum, squares) = (0.0, 0.0)
      for i in stride(from: channel, to: pixels.count, by: 3) {
        let value = Double(pixels[i])
        sum += value
        squares += value * value
      }
      let mean = sum / count
      return squares / count - mean * mean < 4
    }
  }
}
