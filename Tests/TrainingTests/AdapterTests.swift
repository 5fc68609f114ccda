import Contract
import Diffusion
import Models
import Tensors
import TestSupport
import Testing
import Training
import Weights

@Suite struct AdapterTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("base"))
  }

  private func recipe(_ change: (inout TrainingRecipe) -> Void = { _ in }) -> TrainingRecipe {
    var recipe = TrainingRecipe(classNoun: "dog")
    recipe.method = .lora
    change(&recipe)
    return recipe
  }

  private func predict(_ model: StableDiffusion) -> Tensor {
    let draw = Philox(seed: 3)
    let side = model.nativeSize / model.pixelsPerLatent
    return withoutGradients {
      model.prediction(
        draw.draw(.test).normal([1, side, side, model.latentChannels]), at: [500],
        context: model.textStates(["a dog"]))
    }
  }

  @Test(arguments: [false, true])
  func `an untrained adapter changes nothing, and one switched off neither`(dora: Bool) throws {
    let base = try StableDiffusion(opening: folder.file("base"))
    let plain = predict(base)
    let plans = AdapterTargets.plans(
      recipe {
        $0.lora.targets = [.attention, .feedForward, .convolutions]
        ($0.trainTextEncoder, $0.lora.dora) = (true, dora)
      })
    let model = try StableDiffusion(opening: folder.file("base"), adapters: plans)
    let adapters = plans.values.flatMap(\.adapters)
    #expect(adapters.contains { $0.path.hasPrefix("text_encoder.encoder.layers.0.self_attn.") })
    #expect(adapters.contains { $0.path.hasSuffix("downsamplers.0.conv") })
    #expect(Set(adapters.map(\.path)).count == adapters.count)
    #expect(model.unet.parameters.valueCount == base.unet.parameters.valueCount)
    expectClose(predict(model), plain, "untrained", Tolerance(relative: 1e-5, ofLargest: 1e-5))

    for adapter in adapters {
      adapter.up.withMutableFloats { for i in $0.indices { $0[i] = 0.1 } }
    }
    #expect(predict(model).values != plain.values)
    for adapter in adapters { adapter.isActive = false }
    #expect(predict(model).values == plain.values)
  }

  @Test func `attention alone is adapted by default`() throws {
    let plans = AdapterTargets.plans(recipe())
    _ = try StableDiffusion(opening: folder.file("base"), adapters: plans)
    let adapters = try #require(plans["unet"]).adapters
    #expect(plans["text_encoder"] == nil && !adapters.isEmpty)
    let ends = ["to_q", "to_k", "to_v", "to_out.0"]
    #expect(adapters.allSatisfy { adapter in ends.contains { adapter.path.hasSuffix($0) } })
    #expect(adapters.allSatisfy { $0.rank == 4 && $0.scale == 1 && $0.magnitude == nil })
  }

  @Test func `dropout leaves out the named share of inputs, the same for the same draw`() throws {
    let plans = AdapterTargets.plans(recipe())
    let model = try StableDiffusion(opening: folder.file("base"), adapters: plans)
    let adapters = try #require(plans["unet"]).adapters
    for adapter in adapters {
      adapter.up.withMutableFloats { for i in $0.indices { $0[i] = 0.1 } }
    }
    let whole = predict(model)
    func dropped(_ step: Int) -> [Float] {
      for (i, adapter) in adapters.enumerated() {
        adapter.dropout = (0.5, Philox(seed: 1).draw(.dropout, step: step, index: i))
      }
      return predict(model).values
    }
    #expect(dropped(1) == dropped(1))
    #expect(dropped(1) != dropped(2) && dropped(1) != whole.values)
  }
}

@Suite struct LearnedWordTests {
  @Test func `a new word begins as the noun and leaves the table alone`() throws {
    let folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("base"))
    let model = try StableDiffusion(opening: folder.file("base"))
    let noun = withoutGradients { model.textStates(["a dog"]) }
    var recipe = TrainingRecipe(classNoun: "dog")
    recipe.method = .textualInversion
    recipe.embedding.vectors = 2
    let word = try #require(try LearnedWord.learn(recipe, ["<toby>"], model).first)
    #expect(word.rows.shape == [2, model.textEncoder.config.hiddenSize])
    #expect(word.ids.count == 2 && word.ids[0] == model.textEncoder.config.vocabSize)
    #expect(model.tokenizer.tokens(of: "a<toby> b").dropFirst().starts(with: word.ids))

    model.shorten("<toby>", to: 1, of: word.ids)
    if model.tokenizer.tokens(of: "dog").count == 1 {
      #expect(withoutGradients { model.textStates(["a <toby>"]) }.values == noun.values)
    }
    #expect(word.count(at: 1, every: 10) == 1 && word.count(at: 11, every: 10) == 2)
    #expect(word.count(at: 99, every: 10) == 2 && word.count(at: 1, every: 0) == 2)
  }
}
