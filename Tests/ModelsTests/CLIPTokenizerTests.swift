import Foundation
import Models
import TestSupport
import Testing
import Weights

@Suite struct CLIPTokenizerTests {
  /// Bytes of plain text, a few merges, the two special tokens.
  static func tokenizer(padding: String = "<|endoftext|>") throws -> CLIPTokenizer {
    let letters = (33...126).compactMap { Unicode.Scalar(UInt32($0)).map(String.init) }
    let merges = [("c", "a"), ("ca", "t</w>"), ("d", "o"), ("do", "g</w>"), ("o", "g</w>")]
    let symbols = letters + letters.map { $0 + "</w>" } + merges.map { $0.0 + $0.1 }
    var vocabulary: [String: Int] = [:]
    for (id, symbol) in (symbols + ["<|startoftext|>", "<|endoftext|>"]).enumerated() {
      vocabulary[symbol] = id
    }
    return try #require(
      CLIPTokenizer(
        vocabulary: vocabulary, merges: merges.map { (left: $0.0, right: $0.1) },
        special: .init(padding: padding), maxLength: 8))
  }

  private func ids(_ symbols: [String]) throws -> [Int] {
    let vocabulary = try Self.tokenizer().vocabulary
    return symbols.compactMap { vocabulary[$0] }
  }

  @Test func `merges are applied best rank first`() throws {
    let tokenizer = try Self.tokenizer()
    #expect(
      try tokenizer.tokens(of: "Cat\t DOG  cats")
        == ids(["cat</w>", "dog</w>", "ca", "t", "s</w>"]))
    #expect(tokenizer.decode(tokenizer.encode("Cat\t DOG")) == "cat dog")
  }

  /// The plain tokenizer's files, and what each case adds to them.
  private func opened(_ files: [String: String]) throws -> CLIPTokenizer {
    let folder = try TemporaryFolder()
    try Self.tokenizer().save(to: folder.url)
    for (name, text) in files { _ = try folder.write(name, Array(text.utf8)) }
    return try CLIPTokenizer(folder: folder.url)
  }

  @Test func `words that the files add stand for their own rows`() throws {
    let list = try opened(["added_tokens.json": #"{"<toy>": 400, "<toybox>": 401}"#])
    #expect(try list.tokens(of: "a <TOY>cat") == ids(["a</w>"]) + [400] + ids(["cat</w>"]))
    #expect(list.tokens(of: "<toybox> <toy>") == [401, 400], "the longest wins")
    #expect(list.rowCount == 402)

    let exact = try opened([
      "tokenizer.json": #"{"added_tokens":[{"id":500,"content":"<Sks>","normalized":false}]}"#
    ])
    #expect(exact.tokens(of: "<Sks>") == [500])
    #expect(exact.tokens(of: "<sks>").contains(500) == false)
  }

  @Test func `added words survive saving and opening`() throws {
    let files = ["added_tokens.json": #"{"<toy>": 400}"#]
    let folder = try TemporaryFolder()
    try opened(files).save(to: folder.url)
    let again = try CLIPTokenizer(folder: folder.url)
    #expect(again.added == [.init("<toy>", id: 400, isNormalized: true)])
    #expect(again.tokens(of: "<Toy>") == [400])
  }

  @Test(arguments: [
    (["added_tokens.json": #"{"": 400}"#], "content and an id"),
    (["added_tokens.json": #"{"cat</w>": 7}"#], "the vocabulary says"),
    (["added_tokens.json": #"{"<a>": -1}"#], "content and an id"),
    (["added_tokens.json": "[]"], "cannot be read"),
    (
      [
        "added_tokens.json": #"{"<a>": 400}"#,
        "tokenizer.json": #"{"added_tokens":[{"id":401,"content":"<a>"}]}"#,
      ], "has id"
    ),
    (
      ["tokenizer.json": #"{"added_tokens":[{"id":400,"content":"<b>","single_word":true}]}"#],
      "single_word"
    ),
  ])
  func `added words that contradict each other are refused by name`(
    files: [String: String], reason: String
  ) throws {
    let error = #expect(throws: WeightError.self) { try opened(files) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func `an empty word is never looked for`() throws {
    var tokenizer = try Self.tokenizer()
    tokenizer.learn("", ids: [1])
    #expect(try tokenizer.tokens(of: "cat") == ids(["cat</w>"]))
  }

  @Test func `words split as in CLIP's pattern`() throws {
    let tokenizer = try Self.tokenizer()
    #expect(
      try tokenizer.tokens(of: "it's 12!?x")
        == ids(["i", "t</w>", "'", "s</w>", "1</w>", "2</w>", "!", "?</w>", "x</w>"]))
  }

  @Test func `a row is start, tokens, end and padding, and long texts are cut`() throws {
    let tokenizer = try Self.tokenizer(padding: "!")
    let (start, end, padding) = (tokenizer.startId, tokenizer.endId, tokenizer.paddingId)
    #expect(
      try tokenizer.encode("cat") == [start] + ids(["cat</w>"]) + [end]
        + Array(repeating: padding, count: 5))
    let cut = tokenizer.encode("a b c d e f g h i j")
    #expect(cut.count == 8 && cut.first == start && cut.last == end)
    #expect(tokenizer.tokens(of: "a b c d e f g h i j").count == 10)
  }

  @Test func `special tokens written out in a text stand for themselves`() throws {
    let tokenizer = try Self.tokenizer()
    #expect(
      try tokenizer.tokens(of: "cat<|endoftext|>cat")
        == ids(["cat</w>", "<|endoftext|>", "cat</w>"]))
  }

  @Test func `bytes without a symbol become the unknown token, and nothing crashes`() throws {
    let tokenizer = try Self.tokenizer()
    for text in ["", " ", "漢字", "👩‍👩‍👧", "\u{0}", "e\u{301}", "'", "İ"] {
      #expect(tokenizer.encode(text).count == 8, "\(text.debugDescription)")
    }
  }

  @Test func `what is saved is read back`() throws {
    let folder = try TemporaryFolder()
    let tokenizer = try Self.tokenizer(padding: "!")
    try tokenizer.save(to: folder.url)
    let copy = try CLIPTokenizer(folder: folder.url)
    #expect(copy.vocabulary == tokenizer.vocabulary)
    #expect(copy.special == tokenizer.special)
    #expect(copy.maxLength == 8)
    #expect(copy.encode("a cat's dog!") == tokenizer.encode("a cat's dog!"))
  }

  @Test(arguments: [
    (
      "tokenizer_config.json", #"{"tokenizer_class":"T5Tokenizer"}"#, "'CLIPTokenizer' is supported"
    ),
    ("tokenizer_config.json", #"{"model_max_length":1e30}"#, "number of positions"),
    ("tokenizer_config.json", #"{"eos_token":"<end>"}"#, "not in the vocabulary"),
    ("tokenizer_config.json", "[]", "not what a tokenizer writes"),
    ("vocab.json", #"{"a":"b"}"#, "not what a tokenizer writes"),
    ("merges.txt", "a b c", "not a pair"),
  ])
  func `a broken tokenizer is refused with its file`(
    name: String, content: String, reason: String
  ) throws {
    let folder = try TemporaryFolder()
    try Self.tokenizer().save(to: folder.url)
    try FileManager.default.removeItem(at: folder.file("special_tokens_map.json"))
    _ = try folder.write(name, Array(content.utf8))
    let error = #expect(throws: WeightError.self) { try CLIPTokenizer(folder: folder.url) }
    #expect(error?.description.contains(reason) == true)
  }
}
