import Contract
import Diffusion
import Foundation
import Imaging
import Tensors
import TestSupport
import Testing

@Suite struct TextToImageTests {
  private let folder: TemporaryFolder
  private let model: StableDiffusion

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("base"))
    model = try StableDiffusion(opening: folder.file("base"))
  }

  private func pictures(_ seeds: [UInt64], sampler: SamplerName = .eulerAncestral) throws
    -> [PixelBuffer]
  {
    var denoising = try TextToImage.Denoising(
      model, prompts: seeds.map { _ in "a dog" }, sources: seeds.map { PictureSource(seed: $0) },
      TextToImage.Settings(width: 16, height: 16, sampler: sampler, steps: 3, guidance: 2))
    var done: [Int] = []
    while let step = denoising.next() { done.append(step) }
    #expect(done == [1, 2, 3])
    return try denoising.pictures()
  }

  @Test func `P30 a picture depends on its own seed, not on its neighbours`() throws {
    try ActiveKernels.$current.withValue(ReferenceKernels()) {
      let together = try pictures([7, 8, 9, 10])
      #expect(try pictures([9]) == [together[2]])
      #expect(together[0] != together[1])
      #expect(try pictures([7, 8, 9, 10]) == together)
    }
  }

  @Test(arguments: SamplerName.allCases)
  func `every sampler ends with finite pictures`(sampler: SamplerName) throws {
    #expect(try pictures([1], sampler: sampler)[0].width == 16)
  }

  @Test func `sizes that the network cannot halve, and steps beyond the schedule, are refused`() {
    let settings = [(24, 3), (18, 3), (16, 0), (16, 1001)]
    for (size, steps) in settings where !(size == 24) {
      #expect(throws: DiffusionError.self) {
        try TextToImage.Denoising(
          model, prompts: ["a"], sources: [PictureSource(seed: 1)],
          TextToImage.Settings(width: size, height: 16, sampler: .ddim, steps: steps, guidance: 1))
      }
    }
  }

  @Test func `given latents are used as they are`() throws {
    var recipe = GenerationRecipe(prompts: ["a dog"])
    (recipe.steps, recipe.seeds) = (2, [1, 2])
    let engine = GenerationEngine(model, name: "tiny", hash: "00")
    let one = Philox(seed: 3).draw(.test).normal([1, 8, 8, 4])
    var files: [[UInt8]] = []
    let ended = try engine.run(
      recipe, start: concatenated([one, one], axis: 0), onStep: { _, _ in true },
      onPicture: { files.append($0.png) })
    #expect(ended)
    let decoded = try files.map { try ImageDecoder.decode($0).picture }
    #expect(decoded[0] == decoded[1])
    #expect(throws: DiffusionError.self) {
      try engine.run(recipe, start: one, onStep: { _, _ in true }, onPicture: { _ in })
    }
  }

  @Test func `the caller ends a run between steps`() throws {
    var steps = 0
    let ended = try GenerationEngine(model, name: "tiny", hash: "00").run(
      GenerationRecipe(prompts: ["a"]),
      onStep: { _, _ in
        steps += 1
        return steps < 2
      }, onPicture: { _ in Issue.record("a picture of an ended run") })
    #expect(!ended)
    #expect(steps == 2)
  }

  @Test func `the hash tells models apart`() throws {
    try TinyModel.write(to: folder.file("other"), seed: 9)
    #expect(try model.hash() != StableDiffusion.hash(of: folder.file("other")))
    try TinyModel.write(to: folder.file("same"))
    #expect(try model.hash() == StableDiffusion.hash(of: folder.file("same")))
  }

  @Test func `a folder without a model is named`() {
    #expect(throws: DiffusionError.modelMissing(folder: "nowhere")) {
      try StableDiffusion(opening: folder.file("nowhere"))
    }
  }
}
