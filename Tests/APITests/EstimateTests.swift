import Contract
import Foundation
import Testing

@testable import API

/// Memory and time from shapes alone, held to what was counted and measured.
@Suite struct EstimateTests {
  /// Stable Diffusion 1.5 by its published list of keys.
  private static func sd15() throws -> BaseModelShapes {
    func shapes(_ part: String) throws -> TensorShapes {
      let file = OpenAPI.file.deletingLastPathComponent()
        .appending(path: "Tests/Fixtures/keys/sd15.\(part).json")
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
      return TensorShapes(try #require(json?["keys"] as? [String: [Int]]))
    }
    return BaseModelShapes(
      unet: try shapes("unet"), text: try shapes("text_encoder"), vae: try shapes("vae"))
  }

  private func tera(
    _ network: NetworkWork.Network, _ shapes: [String: [Int]], side: Int
  ) -> Double { NetworkWork(network, shapes, side: side).flops(tokens: 77) / 1e12 }

  /// Counted apart from this with PyTorch's flop counter.
  @Test func `the arithmetic of Stable Diffusion at 512 pixels is what was counted`() throws {
    let model = try Self.sd15()
    #expect(model.values == 1_066_235_307)
    #expect(model.halvings == 3 && model.text.textLength == 77 && model.text.vectorWidth == 768)
    #expect(abs(tera(.unet, model.unet.shapes, side: 64) - 0.803) < 0.0005)
    #expect(abs(tera(.encoder, model.vae.shapes, side: 512) - 1.117) < 0.0005)
    #expect(abs(tera(.decoder, model.vae.shapes, side: 512) - 2.515) < 0.0005)
  }

  private static func recipe(
    _ method: TrainingRecipe.Method, _ change: (inout TrainingRecipe) -> Void = { _ in }
  ) -> TrainingRecipe {
    var recipe = TrainingRecipe(classNoun: "dog")
    recipe.method = method
    MethodDefaults(method).apply(to: &recipe)
    recipe.training.precision = .bf16
    change(&recipe)
    return recipe
  }

  @Test func `what costs more memory is estimated higher`() throws {
    let model = try Self.sd15()
    func peak(
      _ method: TrainingRecipe.Method, side: Int = 512,
      _ change: (inout TrainingRecipe) -> Void = { _ in }
    ) -> Int {
      MemoryEstimate(Self.recipe(method, change), model, side: side, budget: .max / 2).peak
    }
    let full = peak(.dreambooth)
    #expect(peak(.dreambooth) { $0.training.moments = .eightBit } < full)
    #expect(peak(.dreambooth) { $0.training.batchSize = 4 } > full)
    #expect(peak(.dreambooth) { $0.training.emaDecay = 0.99 } > full)
    #expect(peak(.dreambooth) { $0.prior.source = .predictions } > full)
    #expect(peak(.dreambooth, side: 256) < full)
    #expect(peak(.dreambooth, side: 768) > full)
    #expect(peak(.lora) < full / 2)
    #expect(peak(.textualInversion) <= peak(.lora))
    #expect(peak(.lora) { $0.lora.rank = 128 } > peak(.lora))
  }

  @Test func `where memory is short, training saves it and takes longer`() throws {
    let model = try Self.sd15()
    let recipe = Self.recipe(.dreambooth)
    func estimate(_ budget: Int) -> MemoryEstimate {
      MemoryEstimate(recipe, model, side: 512, budget: budget)
    }
    let (rich, poor) = (estimate(.max / 2), estimate(0))
    #expect(rich.recomputedLayers.isEmpty && poor.recomputedLayers.count == 38)
    let (most, least) = (try #require(rich.phases[.training]), try #require(poor.phases[.training]))
    #expect(least < most - 4 * rich.trained)
    let between = estimate((most + least) / 2)
    #expect(try #require(between.phases[.training]) <= (most + least) / 2)
    #expect(between.recomputedLayers.count < 38)
  }

  @Test func `the time of a run is its arithmetic at the rates of the machine`() throws {
    let model = try Self.sd15()
    // Every pass at one tera a second of forward arithmetic, whatever it does.
    let points = [BlockWork.Kind.resnet, .transformer].flatMap { kind in
      MachineRates.Pass.allCases.flatMap { pass in
        Precision.allCases.map { precision in
          MachineRates.Point(
            kind, pass, precision, width: 320, side: 64, flopsPerSecond: 1e12)
        }
      }
    }
    let rates = MachineRates(points: points, optimizer: 1e9, compactOptimizer: 5e8)
    func time(_ recipe: TrainingRecipe, step: Double? = nil) -> TimeEstimate {
      let memory = MemoryEstimate(recipe, model, side: 512, budget: .max / 2)
      return TimeEstimate(
        recipe, model, memory, side: 512, photos: 4, rates, measuredStep: step)
    }
    let lora = Self.recipe(.lora) {
      ($0.training.steps, $0.training.checkpointEvery) = (100, 50)
      ($0.samples.every, $0.samples.steps) = (0, 10)
      $0.samples.seeds = [1]
    }
    let estimate = time(lora)
    #expect(estimate.step > 0.8 && estimate.step < 1.7)
    #expect(abs(try #require(estimate.phases[.caching]) - 4 * 1.117) < 0.01)
    // Two pictures, before and after: ten steps with guidance, and the decoder.
    let picture: Double = 20 * 0.803 + 2.515
    #expect(abs(try #require(estimate.phases[.sampling]) - 2 * picture) < 0.02)
    #expect(abs(try #require(estimate.phases[.training]) - 100 * estimate.step) < 1)
    #expect(estimate.phases[.classImages] == 0)
    #expect(abs(try #require(time(lora, step: 3).phases[.training]) - 300) < 1)
    var full = lora
    (full.method, full.prior.enabled) = (.dreambooth, true)
    #expect(time(full).step > 2 * estimate.step)
  }

  @Test func `a rate that was not measured is that of the most similar block`() {
    func point(_ kind: BlockWork.Kind, width: Int, side: Int, _ rate: Double) -> MachineRates.Point
    {
      .init(kind, .forward, .f32, width: width, side: side, flopsPerSecond: rate)
    }
    let rates = MachineRates(
      points: [
        point(.resnet, width: 320, side: 64, 1e9), point(.resnet, width: 1280, side: 8, 2e9),
        point(.transformer, width: 320, side: 64, 4e9),
      ], optimizer: 1, compactOptimizer: 1)
    let block = BlockWork(
      .resnet, side: 10,
      shapes: ["conv1.weight": [1000, 1000, 1, 1], "conv2.weight": [1000, 1000, 1, 1]])
    let flops = 2.0 * 100 * 2 * 1e6
    #expect(block.flops(tokens: 77) == flops)
    #expect(rates.seconds(block, .forward, .f32, tokens: 77) == flops / 2e9)
    #expect(rates.seconds(block, .trained, .f32, tokens: 77) == .infinity)
  }
}
