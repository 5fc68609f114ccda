import Contract
import Models

/// Texts that the text encoder does not read to their end. It takes so many tokens (75 in Stable Diffusion) and drops the
/// rest; a word that is dropped is not learned.
struct TextCheck {
  /// What `WorkEvent.warning` says.
  struct Warning: Equatable {
    var code: String
    var parameter: String
    var message: String
  }

  private let tokenizer: CLIPTokenizer

  init(_ tokenizer: CLIPTokenizer) { self.tokenizer = tokenizer }

  /// Tokens of a text that are read.
  private var limit: Int { tokenizer.maxLength - 2 }

  /// What of a text is dropped; `nil` if nothing is.
  func tail(of text: String) -> String? {
    let ids = tokenizer.tokens(of: text)
    return ids.count > limit ? tokenizer.decode(Array(ids[limit...])) : nil
  }

  /// Whether a word of the text is among what is read of it; `nil` if it is not in the text at all.
  func reads(_ word: String, in text: String) -> Bool? {
    let (ids, word) = (tokenizer.tokens(of: text), tokenizer.tokens(of: word))
    guard !word.isEmpty, ids.count >= word.count else { return nil }
    let starts = (0...(ids.count - word.count)).filter { Array(ids[$0..<$0 + word.count]) == word }
    return starts.first.map { $0 + word.count <= limit }
  }

  /// - Returns: why a word of the user's choice cannot be an identifier; `nil` if it can
  /// - Parameter isNew: it becomes a word of its own, whatever its letters
  func fault(ofIdentifier name: String, isNew: Bool) -> String? {
    let special = tokenizer.special
    if [special.start, special.end, special.padding, special.unknown].contains(name) {
      return "\"\(name)\" is a special token of this model's tokenizer; choose a word"
    }
    let unknown = [tokenizer.startId, tokenizer.endId, tokenizer.paddingId, tokenizer.unknownId]
    if !isNew, tokenizer.tokens(of: name).contains(where: unknown.contains) {
      return "\"\(name)\" holds something that this model's tokenizer does not know; choose another"
    }
    return nil
  }

  /// The texts of a run.
  /// - Returns: what is to be said of them, and why the run cannot begin: the identifier of a photo is dropped from
  ///   its text
  func check(
    _ recipe: TrainingRecipe, _ subjects: [PromptTemplates], _ photos: InstanceDataset
  ) -> (warnings: [Warning], fault: TrainingError?) {
    var (found, without) = ([Warning](), [String]())
    var fault: TrainingError?
    for (photo, line) in zip(photos.photos, photos.lines) {
      guard let caption = photo.caption else { continue }
      let subject = subjects[photo.subject]
      let text = subject.filled(caption)
      switch reads(subject.identifier, in: text) {
      case nil: without.append(line.id)
      case true?: break
      case false?:
        fault =
          fault
          ?? .invalidRecipe(
            parameter: "captions",
            reason: "in the caption of picture \(line.id) the identifier \(subject.identifier) "
              + "comes after the \(limit) tokens that this model reads; put it nearer to the "
              + "beginning")
      }
      found += cut(text, "the caption of picture \(line.id)", "captions")
    }
    if !without.isEmpty {
      found.append(
        Warning(
          code: "caption_without_identifier", parameter: "captions",
          message: "without {id}, a photo teaches nothing of the identifier: the captions of "
            + without.joined(separator: ", ")))
    }
    for (index, subject) in subjects.enumerated()
    where photos.photos.contains(where: { $0.subject == index && $0.caption == nil }) {
      let texts = subject.instances
      if !texts.contains(where: { reads(subject.identifier, in: $0) == true }) {
        fault =
          fault
          ?? .invalidRecipe(
            parameter: "identifier",
            reason: "in \"\(texts[0])\" it comes after the \(limit) tokens that this model reads")
      }
      if texts.count == 1 { found += cut(texts[0], "the prompt of the photos", "class_noun") }
    }
    for (index, prompt) in recipe.samples.prompts.enumerated() {
      let cuts = subjects.flatMap {
        cut($0.filled(prompt), "prompt \(index + 1) of the samples", "samples/prompts")
      }
      found += cuts.prefix(1)
    }
    return (found, fault)
  }

  private func cut(_ text: String, _ name: String, _ parameter: String) -> [Warning] {
    guard let tail = tail(of: text) else { return [] }
    let shown = tail.count > 80 ? "\(tail.prefix(80))…" : tail
    return [
      Warning(
        code: "text_cut", parameter: parameter,
        message: "\(name) is longer than the \(limit) tokens that this model reads; not read: "
          + "\"\(shown)\"")
    ]
  }
}
