/// Number formats of stored arrays. Sums are always f32; f16 files are converted when they are read.
package enum DType: String, Sendable, CaseIterable {
  case f32, bf16
  package var bytes: Int { self == .f32 ? 4 : 2 }
}
