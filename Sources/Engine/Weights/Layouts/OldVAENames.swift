/// The VAE's attention as diffusers named it before 0.15 (most Stable Diffusion 1.x VAE files):
/// `huggingface/diffusers/models/modeling_utils.py`, `_convert_deprecated_attention_blocks`.
package enum OldVAENames {
  package static let table = NameTable([
    (ours: "to_q", theirs: "query"),
    (ours: "to_k", theirs: "key"),
    (ours: "to_v", theirs: "value"),
    (ours: "to_out.0", theirs: "proj_attn"),
  ])

  /// The table if the file uses the old names.
  package static func table(for files: [SafetensorsFile]) -> NameTable? {
    files.contains { $0.keys.contains { $0.hasSuffix(".proj_attn.weight") } } ? table : nil
  }
}
