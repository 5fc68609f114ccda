internal import CKernels

/// The one team of threads that oneDNN and the own kernels share. Results of own kernels never
/// depend on its size; oneDNN's may, in the last bits, which is why reports name the size.
package enum ThreadTeam {
  /// Sets the size for all later kernels; 0 means one thread per processor.
  package static func use(_ n: Int) { ck_set_threads(Int32(n)) }
  package static var size: Int { Int(ck_threads()) }
  /// "amx", "avx512_bf16", "avx512", "avx2" or "base"
  package static var instructionSet: String { String(cString: ck_instruction_set()) }
  package static var oneDNNVersion: String { String(cString: ck_onednn_version()) }
}
