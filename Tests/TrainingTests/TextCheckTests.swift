import Contract
import Testing
import Training

/// The tiny model reads ten tokens of a text: every letter is one, and so are `dog`, `zq` and `xv`.
@Suite struct TextCheckTests {
  private func warnings(
    _ captions: [String?], identifier: String = "zq", prompts: [String] = ["a {id} {class}"]
  ) throws -> [String] {
    let run = try TinyRun(steps: 1) {
      ($0.identifier, $0.samples.prompts, $0.samples.seeds) = (identifier, prompts, [1])
      $0.prior.enabled = false
    }
    for (index, caption) in captions.enumerated() { run.order.images[index].caption = caption }
    try run.run()
    return run.events.compactMap { event in
      if case .warning(let code, let parameter, let message) = event {
        "\(code) \(parameter): \(message)"
      } else {
        nil
      }
    }
  }

  private func dogs(_ count: Int) -> String {
    Array(repeating: "dog", count: count).joined(separator: " ")
  }

  @Test func `texts that fit are not spoken of`() throws {
    #expect(try warnings(["{id} \(dogs(9))", "\(dogs(9)) {id}", nil]) == [])
  }

  @Test func `the end of a text that is not read is named`() throws {
    #expect(
      try warnings([nil, "{id} \(dogs(9)) xv dog"], prompts: ["{id}", "\(dogs(10)) {id}"]) == [
        "text_cut captions: the caption of picture photo1 is longer than the 10 tokens that this "
          + "model reads; not read: \"xv dog\"",
        "text_cut samples/prompts: prompt 2 of the samples is longer than the 10 tokens that this "
          + "model reads; not read: \"zq\"",
      ])
  }

  @Test func `captions without identifier are named together`() throws {
    #expect(
      try warnings(["dog", "zq dog", "xv"]) == [
        "caption_without_identifier captions: without {id}, a photo teaches nothing of the "
          + "identifier: the captions of photo0, photo2"
      ])
  }

  @Test func `an identifier that is not read ends the run before it begins`() {
    #expect {
      try warnings([nil, "\(dogs(10)) {id}"])
    } throws: { error in
      let error = error as? EngineError
      return error?.code == .recipeInvalid && error?.parameter == "captions"
        && error?.message.contains("picture photo1") == true
    }
  }

  @Test(arguments: ["<|endoftext|>", "<|startoftext|>", "z9"])
  func `special tokens and unknown letters are no identifiers`(identifier: String) {
    #expect {
      try warnings([], identifier: identifier)
    } throws: { error in
      let error = error as? EngineError
      return error?.code == .recipeInvalid && error?.parameter == "identifier"
    }
  }
}
