import Contract
import Foundation
import Testing

@Suite struct RecommendedDefaultsTests {
  @Test func `what a model recommends replaces the general defaults, and nothing else`() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "recommended-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(RecommendedDefaults.ofModel(at: folder) == nil)
    try Data(#"{"learning_rate": 0.001, "sampler_steps": 7}"#.utf8)
      .write(to: folder.appending(path: "dreambooth.json"))
    let plain = TrainingRecipe(classNoun: "dog")
    var recipe = plain
    MethodDefaults(.dreambooth, model: RecommendedDefaults.ofModel(at: folder))
      .apply(to: &recipe)
    #expect(recipe.training.learningRate == 0.001)
    #expect(recipe.prior.steps == 7 && recipe.samples.steps == 7)
    #expect(recipe.training.steps == plain.training.steps)
    #expect(recipe.prior.images == plain.prior.images)
    #expect(recipe.samples.guidance == plain.samples.guidance)
  }
}
