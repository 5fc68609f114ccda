internal import CKernels

/// The one team of threads that all kernels share. No result depends on its size.
package enum ThreadTeam {
  /// Sets the size for all later kernels; 0 means one thread per processor.
  package static func use(_ n: Int) { ck_set_threads(Int32(n)) }
  package static var size: Int { Int(ck_threads()) }
}
