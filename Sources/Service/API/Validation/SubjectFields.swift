import Contract
import Storage

/// Whom the job is about: `class_noun` and `identifier`, or `subjects`, a list of such pairs with the names of
/// their pictures.
enum SubjectFields {
  /// - Returns: the pictures of each subject, where there are several
  static func read(_ fields: FieldReader, _ recipe: inout TrainingRecipe) -> [SubjectImages]? {
    let method = recipe.method
    let list = fields.objects("subjects", count: RecipeLimits.subjects)
    guard let list, !list.isEmpty else {
      recipe.classNoun = classNoun(fields) ?? ""
      recipe.identifier = identifier(fields, method) ?? recipe.identifier
      return nil
    }
    for name in ["class_noun", "identifier"] where fields.value(name) != nil {
      fields.fault(name, "repeated", "each entry of subjects has its own; leave it out here")
    }
    var subjects: [TrainingRecipe.Subject] = []
    var images: [SubjectImages] = []
    for entry in list {
      subjects.append(
        .init(
          classNoun: classNoun(entry) ?? "", identifier: identifier(entry, method) ?? "auto"))
      let names = entry.strings(
        "images", count: .init(minimum: 1, maximum: 64), length: RecipeLimits.nameLength)
      if names == nil, list.count > 1, entry.value("images") == nil {
        entry.fault(
          "images", "required",
          "names of its photos without ending, or what the names begin with, as \"toby\"")
      }
      let classNames = entry.strings(
        "class_images", count: .init(minimum: 1, maximum: 64), length: RecipeLimits.nameLength)
      images.append(SubjectImages(images: names ?? [""], classImages: classNames ?? []))
      entry.end()
    }
    let named = subjects.map(\.identifier).filter { $0 != "auto" }
    for (index, subject) in subjects.enumerated()
    where named.count(where: { $0 == subject.identifier }) > 1 {
      list[index].fault("identifier", "repeated", "two subjects cannot share one identifier")
    }
    (recipe.classNoun, recipe.identifier) = (subjects[0].classNoun, subjects[0].identifier)
    recipe.otherSubjects = Array(subjects.dropFirst())
    return list.count > 1 ? images : nil
  }

  private static func classNoun(_ fields: FieldReader) -> String? {
    guard let value = fields.value("class_noun") else {
      fields.fault("class_noun", "required", "the class of the subject is required, as \"dog\"")
      return nil
    }
    guard case .string(let text) = value else {
      fields.fault("class_noun", "wrong_type", "must be a string, not \(value.kind)")
      return nil
    }
    if let fault = ClassNoun.fault(text) { fields.fault("class_noun", fault.code, fault.message) }
    return text
  }

  /// Methods that add rows to the token table write the word in angle brackets: `toby` is `<toby>`.
  private static func identifier(
    _ fields: FieldReader, _ method: TrainingRecipe.Method
  ) -> String? {
    guard let text = fields.string("identifier", RecipeLimits.identifierLength) else { return nil }
    if text.contains(where: { $0.isWhitespace || $0 == "{" || $0 == "}" }) {
      fields.fault("identifier", "invalid_character", "must be one word without braces")
    }
    guard method.trainsVectors else { return text }
    let isWritten = text.hasPrefix("<") && text.hasSuffix(">") && text.count > 2
    let word = isWritten ? text.dropFirst().dropLast() : text[...]
    if !word.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }) {
      fields.fault(
        "identifier", "invalid_character",
        "\(method.rawValue) gives the word a place of its own: letters, digits, - and _, as \"toby\""
      )
    }
    return "<\(word.lowercased())>"
  }
}
