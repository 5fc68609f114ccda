/// What a block holds. It mirrors the blocks of the engine's `Models/UNet` and what their ops keep; tests hold
/// it to what the engine counts of itself.
extension BlockWork {
  /// What learns inside a block.
  package enum Learning: Sendable { case weights, adapters, nothing }

  /// Values of what one sample gives it.
  package var input: Int { positions * inputWidth }
  /// Values of what it makes of one sample.
  package var output: Int { positions * width }

  /// Bytes that its backward pass needs of one sample beside the block's input and output.
  /// - Parameters:
  ///   - tokens: length of the text
  ///   - precision: of the products
  package func kept(_ learning: Learning, tokens: Int, _ precision: Precision) -> Int {
    let rounded = precision == .bf16 ? 2 : 4
    switch kind {
    // conv1; norms are made again.
    case .resnet: return 4 * output
    // h, o, x, o, y, and the input of the last layer if it learns; q, k, v, q, the text's k and v, and h and gate of the
    // feed-forward.
    case .transformer:
      return 4 * (learning == .weights ? 6 : 5) * output
        + rounded * (12 * output + 2 * tokens * width)
    case .other: return 0
    }
  }

  /// Most values at a time, of one sample, where nothing is kept.
  package var passing: Int {
    switch kind {
    case .resnet: max(2 * input + output, input + 3 * output)
    case .transformer: 15 * output
    case .other: 3 * output
    }
  }
}
