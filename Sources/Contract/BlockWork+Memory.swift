/// How many values a block holds. It mirrors the blocks of the engine's `Models/UNet` and what their ops keep; tests hold
/// it to what the engine counts of itself.
extension BlockWork {
  /// What learns inside a block.
  package enum Learning: Sendable { case weights, adapters, nothing }

  /// Values of what one sample gives it.
  package var input: Int { positions * inputWidth }
  /// Values of what it makes of one sample.
  package var output: Int { positions * width }

  /// Values that its backward pass needs of one sample beside the block's input and output.
  /// - Parameter tokens: length of the text
  package func kept(_ learning: Learning, tokens: Int) -> Int {
    let trained = learning == .weights
    switch kind {
    // norm1, conv1, norm2; and the inputs of both convolutions, which their weights' gradients need.
    case .resnet: return input + 2 * output + (trained ? input + output : 0)
    // h; q, k, v, o; x; q, k, v, o; y; h, gate, gelu of the feed-forward; and the inputs of layers that learn.
    case .transformer:
      let tensors = 21 + (trained ? 9 : learning == .adapters ? 2 : 0)
      return tensors * output + 2 * tokens * width
    case .other: return 0
    }
  }

  /// Most values at a time, of one sample, where nothing is kept.
  package var passing: Int {
    switch kind {
    case .resnet: max(3 * input, 2 * input + 2 * output, input + 3 * output)
    case .transformer: 19 * output
    case .other: 3 * output
    }
  }
}
