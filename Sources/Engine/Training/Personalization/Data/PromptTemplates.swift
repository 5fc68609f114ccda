/// The texts of a personalisation: "a [V] [class]" on the photos, "a [class]" on the class pictures.
package struct PromptTemplates: Equatable, Sendable {
  package let identifier: String
  package let classNoun: String

  package init(identifier: String, classNoun: String) {
    (self.identifier, self.classNoun) = (identifier, classNoun)
  }

  package var instance: String { "a \(identifier) \(classNoun)" }
  package var prior: String { Self.prior(classNoun) }
  package static func prior(_ classNoun: String) -> String { "a \(classNoun)" }

  /// Fills the placeholders `{id}` and `{class}`.
  package func filled(_ template: String) -> String {
    template.replacing("{id}", with: identifier).replacing("{class}", with: classNoun)
  }

  /// The same text without the identifier, for figures that compare a picture with its prompt.
  package func withoutIdentifier(_ template: String) -> String {
    template.replacing("{id} ", with: "").replacing("{id}", with: "")
      .replacing("{class}", with: classNoun)
  }
}
