import Testing
import Weights

@Suite struct OldVAENamesTests {
  @Test(arguments: [
    ("to_q.weight", "query.weight"), ("to_k.bias", "key.bias"), ("to_v.weight", "value.weight"),
    ("to_out.0.weight", "proj_attn.weight"), ("group_norm.weight", "group_norm.weight"),
  ])
  func `the old names of the VAE's attention translate both ways`(
    ours: String, theirs: String
  ) {
    let path = "decoder.mid_block.attentions.0."
    #expect(OldVAENames.table.ours(path + theirs) == path + ours)
    #expect(OldVAENames.table.theirs(path + ours) == path + theirs)
  }

  @Test func `names of which an old one is only a part stay as they are`() {
    for key in ["encoder.query_norm.weight", "keys.weight", "decoder.conv_in.weight"] {
      #expect(OldVAENames.table.ours(key) == key)
      #expect(OldVAENames.table.theirs(key) == key)
    }
  }
}
