internal import CKernels

/// The kernels that everything but tests runs on. One file per family, each a forwarding to
/// `CKernels`, where they are written once and compiled for each instruction set.
package struct FastKernels: Kernels {
  package init() {}
}

extension Operand {
  var f32: UnsafePointer<Float>? { if case .f32(let p) = self { p } else { nil } }
  var bf16: UnsafePointer<UInt16>? { if case .bf16(let p) = self { p } else { nil } }
}
