import Contract
import Testing
import Training

/// What a recipe file can say and no service would have passed on.
@Suite struct RecipeCheckTests {
  static let faults: [(String, @Sendable (inout TrainingRecipe) -> Void)] = [
    ("samples/seeds", { $0.samples.seeds = [4, 5, 4] }),
    ("samples/prompts", { $0.samples.prompts = ["a {id}", "a {id}"] }),
    ("exports", { $0.exports = [.diffusers, .singleFile, .diffusers] }),
    ("training/steps", { $0.training.steps = 0 }),
  ]

  @Test(arguments: faults.indices)
  func `a fault is named with its place`(index: Int) throws {
    let (parameter, change) = Self.faults[index]
    let run = try TinyRun(change)
    #expect {
      try run.run()
    } throws: { error in
      (error as? EngineError)?.parameter == parameter
    }
    #expect(!run.events.contains { if case .started = $0 { true } else { false } })
  }
}
