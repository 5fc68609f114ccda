internal import CKernels

/// What the fast kernels are compiled for; the best one that the processor has is taken.
package enum InstructionSet: String, CaseIterable, Sendable {
  /// AMX kernels with tiles in ordinary memory: never chosen, for tests where there is no AMX.
  case emulatedAMX = "amx_emulated"
  case amx
  case avx512BF16 = "avx512_bf16"
  case avx512, avx2, base

  /// The one that kernels called from this thread run on.
  package static var current: InstructionSet {
    InstructionSet(rawValue: String(cString: ck_instruction_set())) ?? .base
  }

  /// All that this processor has, best first.
  package static var available: [InstructionSet] {
    allCases.filter { set in set.run { current == set } }
  }

  /// Runs `body` with this thread's kernels on this set, or the best below it: for tests.
  package func run<R>(_ body: () throws -> R) rethrows -> R {
    ck_limit_instruction_set(rawValue)
    defer { ck_limit_instruction_set(nil) }
    return try body()
  }
}
