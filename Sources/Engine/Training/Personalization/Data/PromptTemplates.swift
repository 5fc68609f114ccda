package import Contract
package import Tensors

/// The texts of one subject: "a [V] [class]" on the photos, "a [class]" on the class pictures. A learned word stands
/// where the noun would: "a photo of a [V]".
package struct PromptTemplates: Equatable, Sendable {
  package let identifier: String
  package let classNoun: String
  /// Sentences around a learned word; empty where a rare token stands before the noun.
  private let sentences: [String]

  /// - Parameter templates: what a learned word's sentences speak of; nil for a rare token
  package init(
    identifier: String, classNoun: String, templates: TrainingRecipe.Embedding.Kind? = nil
  ) {
    (self.identifier, self.classNoun) = (identifier, classNoun)
    sentences =
      switch templates {
      case nil: []
      case .object: Self.objects
      case .style: Self.styles.map { "\($0) in the style of {id}" }
      }
  }

  private var replacesNoun: Bool { !sentences.isEmpty }

  /// What a user types to get the subject.
  package var instance: String {
    replacesNoun ? filled(sentences[0]) : "a \(identifier) \(classNoun)"
  }

  /// All texts that may stand on a photo without a caption.
  package var instances: [String] { replacesNoun ? sentences.map(filled) : [instance] }

  /// The text of a photo in one step: the one there is, or one of the sentences.
  package func instance(_ draw: Draw) -> String {
    replacesNoun ? filled(sentences[draw.integer(below: sentences.count)]) : instance
  }

  package var prior: String { Self.prior(classNoun) }
  package static func prior(_ classNoun: String) -> String { "a \(classNoun)" }

  /// Fills the placeholders `{id}` and `{class}`.
  package func filled(_ template: String) -> String {
    template.replacing("{id}", with: identifier).replacing("{class}", with: classNoun)
  }

  /// The same text without the identifier, for figures that compare a picture with its prompt. Where a learned word is
  /// the noun, the class takes its place.
  package func withoutIdentifier(_ template: String) -> String {
    let plain =
      template.contains("{class}")
      ? template.replacing("{id} ", with: "").replacing("{id}", with: "")
      : template.replacing("{id}", with: replacesNoun ? classNoun : "").replacing("  ", with: " ")
    return plain.replacing("{class}", with: classNoun)
  }

  /// A finished text as the frozen base understands it: the class noun for a word that it does not know.
  package func withoutWord(_ text: String) -> String {
    text.replacing("\(identifier) \(classNoun)", with: classNoun)
      .replacing(identifier, with: classNoun)
  }

  /// The 27 sentences of Textual Inversion (2208.01618, appendix D).
  private static let objects = [
    "a photo of a {id}", "a rendering of a {id}", "a cropped photo of the {id}",
    "the photo of a {id}", "a photo of a clean {id}", "a photo of a dirty {id}",
    "a dark photo of the {id}", "a photo of my {id}", "a photo of the cool {id}",
    "a close-up photo of a {id}", "a bright photo of the {id}", "a cropped photo of a {id}",
    "a photo of the {id}", "a good photo of the {id}", "a photo of one {id}",
    "a close-up photo of the {id}", "a rendition of the {id}", "a photo of the clean {id}",
    "a rendition of a {id}", "a photo of a nice {id}", "a good photo of a {id}",
    "a photo of the nice {id}", "a photo of the small {id}", "a photo of the weird {id}",
    "a photo of the large {id}", "a photo of a cool {id}", "a photo of a small {id}",
  ]

  /// The 19 beginnings for styles, of the same code; one occurs twice there too.
  private static let styles = [
    "a painting", "a rendering", "a cropped painting", "the painting", "a clean painting",
    "a dirty painting", "a dark painting", "a picture", "a cool painting", "a close-up painting",
    "a bright painting", "a cropped painting", "a good painting", "a close-up painting",
    "a rendition", "a nice painting", "a small painting", "a weird painting", "a large painting",
  ]
}
