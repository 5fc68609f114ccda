import Contract
import Evaluation
import Foundation
import Imaging
import Tensors
import TestSupport
import Testing

@Suite struct EvaluationRunTests {
  private let folder: TemporaryFolder
  private let features: CLIPFeatures

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.writeEncoderPair(to: folder.file("clip"))
    features = try CLIPFeatures(opening: folder.file("clip"))
  }

  /// A picture of coloured stripes, each its own.
  static func picture(_ k: Int, width: Int = 16, height: Int = 16) -> PixelBuffer {
    var picture = PixelBuffer(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        picture[x, y] = RGB(
          UInt8((x * 16 * (k + 1)) & 255), UInt8((y * 40) & 255), UInt8(60 * k & 255))
      }
    }
    return picture
  }

  @Test func `features are unit vectors, one per picture, whatever the picture's shape`() {
    let found = features.images([Self.picture(0), Self.picture(1, width: 40, height: 17)])
    #expect(found.shape == [2, 6])
    for row in found.split(axis: 0, parts: 2) { #expect(abs(row.sumOfSquares() - 1) < 1e-5) }
  }

  @Test func `CLIP-I is the mean over all pairs of generated and real`() {
    let real = Tensor([1, 0, 0, 1], shape: [2, 2])
    let generated = Tensor([1, 0, 0.6, 0.8], shape: [2, 2])
    // (1 + 0 + 0.6 + 0.8) / 4
    #expect(abs(CLIPImageScore(real: real)(generated) - 0.6) < 1e-6)
  }

  @Test func `CLIP-T is the mean over the pictures' own prompts`() {
    let pictures = Tensor([1, 0, 0.6, 0.8], shape: [2, 2])
    let texts = Tensor([1, 0, 0, 1], shape: [2, 2])
    #expect(abs(CLIPTextScore.score(pictures, texts: texts) - 0.9) < 1e-6)
  }

  @Test func `pictures of the subject score higher than others, and the row says how many`() {
    let run = EvaluationRun(features, real: [Self.picture(0)])
    let same = run.row(step: 5, pictures: [Self.picture(0)], texts: ["a dog"])
    let other = run.row(step: 0, pictures: [Self.picture(3)], texts: ["a dog"])
    #expect(abs(same.clipImage - 1) < 1e-5)
    #expect(other.clipImage < same.clipImage)
    #expect(same.step == 5 && same.samples == 1)
    #expect(run.encoderName.hasPrefix("clip "))
  }

  @Test func `a transform that cannot be is refused`() throws {
    let file = folder.file("clip/preprocessor_config.json")
    try Data(#"{"size": 8, "crop_size": 16, "image_mean": [0,0,0], "image_std": [1,1,1]}"#.utf8)
      .write(to: file)
    #expect(throws: (any Error).self) { try CLIPFeatures(opening: folder.file("clip")) }
  }
}
