import Contract
import Foundation
import Testing

@Suite struct RecipeFileTests {
  @Test func `a recipe is read bare and out of a larger document`() throws {
    var recipe = TrainingRecipe(classNoun: "dog")
    recipe.training.seed = 7
    let bare = try ContractJSON.encoder().encode(recipe)
    let document = Data(
      #"{"object":"recipe","seed":7,"recipe":\#(String(decoding: bare, as: UTF8.self))}"#.utf8)
    #expect(try RecipeFile.recipe(in: bare) == recipe)
    #expect(try RecipeFile.recipe(in: document) == recipe)
    #expect(throws: DecodingError.self) { try RecipeFile.recipe(in: Data("{}".utf8)) }
  }
}
