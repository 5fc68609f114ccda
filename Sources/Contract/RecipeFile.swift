package import Foundation

/// A recipe as JSON, bare or in the `recipe` of a larger document: a report, or the answer of
/// `GET /v1/jobs/{id}/recipe`.
package enum RecipeFile {
  private struct Document: Decodable { var recipe: TrainingRecipe }

  package static func recipe(in data: Data) throws -> TrainingRecipe {
    let decoder = ContractJSON.decoder()
    if let document = try? decoder.decode(Document.self, from: data) { return document.recipe }
    return try decoder.decode(TrainingRecipe.self, from: data)
  }
}
