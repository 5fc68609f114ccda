/// What ops do beside computing values: whether they record history, and in which number format
/// products are taken.
enum Mode {
  @TaskLocal static var isRecording = true
  @TaskLocal static var precision = ComputePrecision.f32
  /// Where ops without history write down the trainable leaves they meet.
  @TaskLocal static var leaves: LeafList?
}

/// Runs `body` without recording history: sampling, frozen models, metrics.
package func withoutGradients<R>(_ body: () throws -> R) rethrows -> R {
  try Mode.$isRecording.withValue(false, operation: body)
}

/// Runs `body` with the operands of matrix products, convolutions and attention rounded to `precision`.
/// Sums stay f32, stored activations stay f32. Backward uses the precision of the forward pass.
package func withPrecision<R>(_ precision: ComputePrecision, _ body: () throws -> R) rethrows -> R {
  try Mode.$precision.withValue(precision, operation: body)
}

/// Records history inside `withoutGradients`.
package func recordingHistory<R>(_ body: () throws -> R) rethrows -> R { try withGradients(body) }

func withGradients<R>(_ body: () throws -> R) rethrows -> R {
  try Mode.$isRecording.withValue(true, operation: body)
}
