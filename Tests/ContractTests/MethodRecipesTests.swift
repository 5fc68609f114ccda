import Contract
import Foundation
import Testing

@Suite struct MethodRecipesTests {
  /// As stored before methods other than DreamBooth existed.
  @Test func `an older recipe says what it said`() throws {
    let full = try ContractJSON.encoder().encode(TrainingRecipe(classNoun: "dog"))
    var fields = try #require(try JSONSerialization.jsonObject(with: full) as? [String: Any])
    for part in ["lora", "embedding", "text_encoder", "objective", "other_subjects"] {
      #expect(fields.removeValue(forKey: part) != nil)
    }
    var prior = try #require(fields["prior"] as? [String: Any])
    prior["source"] = nil
    fields["prior"] = prior
    let old = try JSONSerialization.data(withJSONObject: fields)
    #expect(
      try ContractJSON.decoder().decode(TrainingRecipe.self, from: old)
        == TrainingRecipe(classNoun: "dog"))
    fields["samples"] = nil
    let broken = try JSONSerialization.data(withJSONObject: fields)
    #expect(throws: DecodingError.self) {
      try ContractJSON.decoder().decode(TrainingRecipe.self, from: broken)
    }
  }

  @Test func `a recipe of any method survives its JSON`() throws {
    for method in TrainingRecipe.Method.allCases {
      var recipe = TrainingRecipe(classNoun: "dog")
      recipe.method = method
      MethodDefaults(method).apply(to: &recipe)
      recipe.objective.minSnrGamma = 5
      recipe.otherSubjects = [.init(classNoun: "cat")]
      let data = try ContractJSON.encoder().encode(recipe)
      #expect(try ContractJSON.decoder().decode(TrainingRecipe.self, from: data) == recipe)
    }
  }

  @Test func `the rate of Textual Inversion is that of its vectors, of others not`() {
    for method in TrainingRecipe.Method.allCases {
      var recipe = TrainingRecipe(classNoun: "dog")
      recipe.method = method
      MethodDefaults(method).apply(to: &recipe)
      let before = recipe.embedding.learningRate
      recipe.learn(at: 0.25)
      #expect(recipe.training.learningRate == 0.25)
      #expect(recipe.embedding.learningRate == (method == .textualInversion ? 0.25 : before))
    }
  }

  @Test func `what a method writes by default is among what it can write`() {
    for method in TrainingRecipe.Method.allCases {
      #expect(Set(method.defaultExports).isSubset(of: method.exports) && !method.exports.isEmpty)
    }
  }

  @Test func `a rate measured on a model belongs to its method alone`() {
    var model = RecommendedDefaults()
    model.learningRate = 1e-4
    model.methods = ["lora": .init(learningRate: 2e-3, embeddingRate: nil, steps: 300)]
    #expect(MethodDefaults(.lora, model: model).learningRate == 2e-3)
    #expect(MethodDefaults(.lora, model: model).steps == 300)
    #expect(MethodDefaults(.dreambooth, model: model).learningRate == 1e-4)
    #expect(MethodDefaults(.customDiffusion, model: model).learningRate == 2e-5)
  }
}
