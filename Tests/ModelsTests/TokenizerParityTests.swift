import Foundation
import Models
import TestSupport
import Testing

/// The tokenizer against transformers' CLIPTokenizer, on prompts of many kinds.
@Suite struct TokenizerParityTests {
  private struct Row: Decodable {
    let prompt: String
    let ids: [Int]
    let padded: [Int]
  }

  @Test(arguments: ["tokenizer_sd1", "tokenizer_sd2"])
  func `ids agree with transformers`(folder: String) throws {
    for name in ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"] {
      _ = try GoldenFolder.verified("\(folder)/\(name)")
    }
    let tokenizer = try CLIPTokenizer(folder: GoldenFolder.url.appending(path: folder))
    let prompts = try GoldenFolder.verified("\(folder)/prompts.json")
    let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: prompts))
    #expect(rows.count > 50)
    for row in rows {
      let whole = [tokenizer.startId] + tokenizer.tokens(of: row.prompt) + [tokenizer.endId]
      #expect(whole == row.ids, "\(row.prompt.debugDescription)")
      #expect(tokenizer.encode(row.prompt) == row.padded, "\(row.prompt.debugDescription)")
    }
  }
}
