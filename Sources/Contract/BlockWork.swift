/// What one block of a U-Net or a VAE computes and keeps, told from its weights' keys and shapes alone, so that
/// time and memory of a run are known before a model is opened.
package struct BlockWork: Equatable, Sendable {
  package enum Kind: String, Codable, Sendable {
    /// Group norms and 3 x 3 convolutions.
    case resnet
    /// Attention over positions and text, feed-forward.
    case transformer
    /// Samplers, first and last convolutions, time embedding, the VAE's attention.
    case other
  }

  package let kind: Kind
  /// Positions along a side of what it makes.
  package let side: Int
  /// By the ends of their keys: `conv1.weight`.
  package let shapes: [String: [Int]]

  package init(_ kind: Kind, side: Int, shapes: [String: [Int]]) {
    (self.kind, self.side, self.shapes) = (kind, side, shapes)
  }

  package var positions: Int { side * side }
  /// Channels of what it makes.
  package var width: Int { extent(0, of: ["conv2.weight", "proj_out.weight", "conv.weight"]) }
  /// Channels of what it is given.
  package var inputWidth: Int { extent(1, of: ["conv1.weight", "proj_in.weight", "conv.weight"]) }

  private func extent(_ axis: Int, of names: [String]) -> Int {
    names.lazy.compactMap { shapes[$0] }.first { $0.count > axis }?[axis] ?? 0
  }

  /// Multiplications and additions of a forward pass over one sample.
  /// - Parameter tokens: length of the text
  package func flops(tokens: Int) -> Double {
    shapes.reduce(attentionFlops(tokens)) { sum, weight in
      guard weight.value.count > 1 else { return sum }
      let rows =
        weight.key.contains("time_emb") || weight.key.hasPrefix("linear_")
        ? 1
        : weight.key.contains("attn2.to_k") || weight.key.contains("attn2.to_v")
          ? tokens : positions
      return sum + 2 * Double(rows) * weight.value.reduce(1.0) { $0 * Double($1) }
    }
  }

  /// Queries times keys, and weights times values, of each attention.
  private func attentionFlops(_ tokens: Int) -> Double {
    shapes.reduce(0) { sum, weight in
      guard [".to_q.weight", ".query.weight"].contains(where: ".\(weight.key)".hasSuffix) else {
        return sum
      }
      let context = weight.key.contains("attn2") ? tokens : positions
      return sum + 4 * Double(positions) * Double(context) * Double(weight.value[0])
    }
  }
}
