import Contract
import Diffusion
import Foundation
import Imaging
import Tensors
import TestSupport
import Testing
import Training

@Suite struct DatasetTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func dataset(_ pictures: [PixelBuffer], side: Int) throws -> InstanceDataset {
    let images = try pictures.enumerated().map { i, picture in
      let file = folder.file("\(i).png")
      try Data(PNGEncoder.encode(picture)).write(to: file)
      return WorkOrder.Picture(id: "\(i)", file: file)
    }
    return try InstanceDataset(images, side: side)
  }

  private func latents(_ pictures: [PixelBuffer]) throws -> LatentCache {
    try TinyModel.write(to: folder.file("base"))
    return try LatentCache(pictures, try StableDiffusion(opening: folder.file("base"))) {}
  }

  @Test func `P17 the centre is cut out, nothing is squashed`() throws {
    // Left third red, middle green, right blue: of a 3:1 picture only the middle remains.
    var wide = PixelBuffer(width: 48, height: 16)
    for y in 0..<16 {
      for x in 0..<48 {
        wide[x, y] = x < 16 ? RGB(255, 0, 0) : x < 32 ? RGB(0, 255, 0) : RGB(0, 0, 255)
      }
    }
    let found = try dataset([wide], side: 16)
    #expect(found.pictures == [PixelBuffer(width: 16, height: 16, fill: RGB(0, 255, 0))])
  }

  @Test func `P18 mirrored pictures are extra, the pictures stay as they are`() throws {
    var picture = PixelBuffer(width: 4, height: 4, fill: .black)
    picture[0, 1] = .white
    let found = try dataset([picture], side: 4)
    #expect(found.pictures == [picture])
    #expect(found.mirrored[0][3, 1] == .white)
    #expect(found.mirrored[0][0, 1] == .black)
  }

  @Test func `a file that is no picture is named`() throws {
    try Data("text".utf8).write(to: folder.file("x.png"))
    #expect { try InstanceDataset([.init(id: "x", file: folder.file("x.png"))], side: 8) } throws: {
      if case .unusableImage("x", _)? = $0 as? TrainingError { true } else { false }
    }
  }

  private func source(
    seed: UInt64, _ latents: LatentCache, _ prior: BatchSource.Prior, size: Int,
    offsetNoise: Float = 0, photo: InstanceDataset.Photo = .init()
  ) -> BatchSource {
    BatchSource(
      seed: seed, photos: Array(repeating: photo, count: latents.count),
      subjects: [PromptTemplates(identifier: "zq", classNoun: "dog")], instances: latents,
      mirrored: nil, prior: prior,
      .init(size: size, accumulation: 1, timesteps: 1000, offsetNoise: offsetNoise))
  }

  @Test func `a sample's text is its caption, or that of its half`() throws {
    let latents = try latents([TinyRun.photo(0).trainingSquare(side: 16)])
    let plain = source(seed: 1, latents, .photos, size: 1).batch(step: 0, batch: 0)
    #expect(plain.texts == ["a zq dog", "a dog"])
    let photo = InstanceDataset.Photo(caption: "my {id} {class} asleep")
    let captioned = source(seed: 1, latents, .none, size: 1, photo: photo).batch(step: 0, batch: 0)
    #expect(captioned.texts == ["my zq dog asleep"] && captioned.instances == 1)
  }

  @Test func `offset noise is constant over a picture and channel`() throws {
    let latents = try latents([TinyRun.photo(0).trainingSquare(side: 16)])
    let plain = source(seed: 1, latents, .none, size: 1).batch(step: 3, batch: 0)
    let offset = source(seed: 1, latents, .none, size: 1, offsetNoise: 0.1).batch(step: 3, batch: 0)
    let change = (offset.noise - plain.noise).values
    let levels = Array(change[..<4])
    #expect(Set(levels).count == 4)
    for (i, value) in change.enumerated() { #expect(abs(value - levels[i % 4]) < 1e-6) }
  }

  @Test func `a mask is cut like its photo and averaged over a latent position`() throws {
    var mask = PixelBuffer(width: 30, height: 20)
    for y in 0..<20 { for x in 0..<30 { mask[x, y] = x < 15 ? RGB(255, 255, 255) : RGB(0, 0, 0) } }
    try Data(PNGEncoder.encode(TinyRun.photo(0))).write(to: folder.file("p.png"))
    try Data(PNGEncoder.encode(mask)).write(to: folder.file("p.mask.png"))
    let picture = WorkOrder.Picture(
      id: "p", file: folder.file("p.png"), mask: folder.file("p.mask.png"))
    let set = try InstanceDataset([picture], side: 16, pixelsPerLatent: 4, unmaskedWeight: 0.25)
    let values = try #require(set.photos[0].mask(isMirrored: false)).values
    #expect(values.count == 16 && values[0] == 1 && values[3] == 0.25)
    #expect(try #require(set.photos[0].mask(isMirrored: true)).values[0] == 0.25)

    try Data(PNGEncoder.encode(TinyRun.photo(1).trainingSquare(side: 8)))
      .write(to: folder.file("p.mask.png"))
    #expect { try InstanceDataset([picture], side: 16, pixelsPerLatent: 4) } throws: {
      if case .unusableImage("p", _)? = $0 as? TrainingError { true } else { false }
    }
  }

  @Test func `a mask that is black where the photo is cut out is refused, unless black counts`()
    throws
  {
    // Of 30 x 20 pixels the middle 20 x 20 is trained on; white lies outside it.
    var mask = PixelBuffer(width: 30, height: 20, fill: .black)
    for y in 0..<20 { mask[0, y] = .white }
    try Data(PNGEncoder.encode(TinyRun.photo(0))).write(to: folder.file("p.png"))
    try Data(PNGEncoder.encode(mask)).write(to: folder.file("p.mask.png"))
    let picture = WorkOrder.Picture(
      id: "p", file: folder.file("p.png"), mask: folder.file("p.mask.png"))
    #expect { try InstanceDataset([picture], side: 16, pixelsPerLatent: 4) } throws: {
      guard case .unusableImage("p", let reason)? = $0 as? TrainingError else { return false }
      return reason.contains("black")
    }
    let counted = try InstanceDataset([picture], side: 16, pixelsPerLatent: 4, unmaskedWeight: 0.25)
    #expect(
      try #require(counted.photos[0].mask(isMirrored: false)).values.allSatisfy { $0 == 0.25 })
  }

  @Test func `every draw of a batch is a function of seed and step`() throws {
    let latents = try latents((0..<3).map { TinyRun.photo($0).trainingSquare(side: 16) })
    func batch(seed: UInt64, step: Int) -> Batch {
      source(seed: seed, latents, .pictures([latents]), size: 2).batch(step: step, batch: 0)
    }
    let (a, b) = (batch(seed: 1, step: 5), batch(seed: 1, step: 5))
    #expect(a.z.values == b.z.values && a.noise.values == b.noise.values && a.t == b.t)
    #expect(a.z.shape == [4, 8, 8, 4])
    #expect(a.instances == 2 && a.t.count == 4)
    for other in [batch(seed: 2, step: 5), batch(seed: 1, step: 6)] {
      #expect(other.noise.values != a.noise.values && other.z.values != a.z.values)
    }
    // Instance and class samples have noise and timesteps of their own.
    let halves = a.noise.split(axis: 0, parts: 2)
    #expect(halves[0].values != halves[1].values)
    #expect(a.t[0..<2] != a.t[2..<4])
  }

  @Test func `every photo is seen once per round`() throws {
    let latents = try latents((0..<3).map { TinyRun.photo($0).trainingSquare(side: 16) })
    let source = source(seed: 9, latents, .none, size: 1)
    for round in 0..<4 {
      let seen = (0..<3).compactMap { k -> Int? in
        let step = 3 * round + k
        let z = source.batch(step: step, batch: 0).z
        let draw = Philox(seed: 9).draw(.latentSampling, step: step, index: 0)
        return (0..<3).first { latents.sample($0, draw).values == z.values }
      }
      #expect(seen.sorted() == [0, 1, 2])
    }
  }
}
