import Tensors

/// The two moments of one parameter in a byte each, as `MomentCode` says, and the scales of their blocks.
final class CompactMoments {
  var m: [UInt8]
  var v: [UInt8]
  /// Of m and sqrt(v), block by block.
  var scales: [Float]

  init(count: Int) {
    m = Array(repeating: 0, count: count)
    v = Array(repeating: 0, count: count)
    scales = Array(repeating: 0, count: 2 * ((count + MomentCode.block - 1) / MomentCode.block))
  }
}
