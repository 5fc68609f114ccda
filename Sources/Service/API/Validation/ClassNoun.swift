import Contract

/// The noun of "a [V] [class]": `dog`, `teddy bear`, `T-shirt`.
enum ClassNoun {
  /// - Returns: what is wrong with it, or `nil`.
  static func fault(_ text: String) -> (code: String, message: String)? {
    if text.allSatisfy(\.isWhitespace) {
      return ("empty", "must name the subject's class, as \"dog\"")
    }
    if text.contains("{") || text.contains("}") {
      return ("placeholder", "is filled into prompts and must not hold placeholders itself")
    }
    guard text.allSatisfy({ $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" }) else {
      return ("invalid_character", "may hold letters, digits, spaces and hyphens only")
    }
    guard text.contains(where: \.isLetter) else {
      return ("invalid_noun", "must hold a letter")
    }
    guard text.first != " ", text.last != " ", !text.contains("  ") else {
      return ("invalid_character", "must not begin or end with a space, or hold two in a row")
    }
    guard RecipeLimits.nounLength.contains(RecipeLimits.length(of: text)) else {
      return ("wrong_length", "must have 1 to \(RecipeLimits.nounLength.maximum) characters")
    }
    return nil
  }
}
