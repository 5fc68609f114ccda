/// The blocks of one network at one size, in the order of a forward pass.
package struct NetworkWork: Equatable, Sendable {
  package enum Network: Sendable { case unet, encoder, decoder }

  package let blocks: [BlockWork]

  /// - Parameters:
  ///   - shapes: by key, of the component's file
  ///   - side: of its largest activations: latents in a U-Net, pixels in a VAE
  package init(_ network: Network, _ shapes: [String: [Int]], side: Int) {
    let prefix = network == .unet ? "" : network == .encoder ? "encoder." : "decoder."
    let keys = shapes.filter { $0.key.hasPrefix(prefix) }
    let levels = keys.keys.compactMap { key in
      ["down_blocks.", "up_blocks."].lazy.compactMap { Self.index(of: prefix + $0, in: key) }.first
    }
    let top = levels.max() ?? 0
    var groups: [String: [String: [Int]]] = [:]
    for (key, shape) in keys {
      let (block, rest) = Self.split(key.dropFirst(prefix.count))
      groups[block, default: [:]][rest] = shape
    }
    let order = groups.map { ($0.key, $0.value, Self.place(of: $0.key)) }
      .sorted { $0.2.lexicographicallyPrecedes($1.2) }
    blocks = order.map { name, shapes, _ in
      let kind: BlockWork.Kind =
        name.contains("resnets")
        ? .resnet
        : name.contains("attentions") && network == .unet ? .transformer : .other
      let level = Self.level(of: name, network, top: top)
      return BlockWork(kind, side: max(side >> level, 1), shapes: shapes)
    }
  }

  /// Arm, block, layer, and whether it is a transformer behind a residual block or a sampler behind both.
  private static func place(of name: String) -> [Int] {
    let arms = ["conv_in", "time", "down", "mid", "up", "conv_norm_out", "conv_out"]
    let arm = arms.firstIndex(where: name.hasPrefix) ?? arms.count
    let numbers = name.split(separator: ".").compactMap { Int($0) }
    let isSampler = name.contains("samplers")
    let block = name.hasPrefix("mid") ? 0 : numbers.first ?? 0
    return [arm, block, isSampler ? .max : numbers.last ?? 0, name.contains("attentions") ? 1 : 0]
  }

  /// Halvings of the picture at what a block makes.
  private static func level(of name: String, _ network: Network, top: Int) -> Int {
    if let i = index(of: "down_blocks.", in: name) {
      return name.contains("downsamplers") ? min(i + 1, top) : i
    }
    if let i = index(of: "up_blocks.", in: name) {
      return name.contains("upsamplers") ? max(top - i - 1, 0) : top - i
    }
    if name.hasPrefix("mid_block") { return top }
    switch network {
    case .unet: return 0
    case .encoder: return name.hasPrefix("conv_in") ? 0 : top
    case .decoder: return name.hasPrefix("conv_in") ? top : 0
    }
  }

  /// `down_blocks.0.resnets.1` and `conv1.weight`; of others the first word and the rest.
  private static func split(_ key: Substring) -> (block: String, rest: String) {
    let words = key.split(separator: ".")
    let depth =
      words.first == "mid_block" ? 3 : words.first?.hasSuffix("_blocks") == true ? 4 : 0
    guard words.count > depth else { return (String(key), "") }
    guard depth > 0 else { return (String(words[0]), String(key)) }
    return (
      words[..<depth].joined(separator: "."), words[depth...].joined(separator: ".")
    )
  }

  private static func index(of prefix: String, in name: String) -> Int? {
    guard name.hasPrefix(prefix) else { return nil }
    return Int(name.dropFirst(prefix.count).prefix { $0.isNumber })
  }

  /// What a step of the engine holds for its backward pass: bytes of each layer's input, and of what it keeps beside.
  package func layers(
    _ learning: BlockWork.Learning, _ precision: Precision, samples: Int, tokens: Int
  ) -> (inputs: [Int], kept: [Int]) {
    let layers = blocks.filter { $0.kind != .other }
    return (
      layers.map { 4 * samples * $0.input },
      layers.map { samples * $0.kept(learning, tokens: tokens, precision) }
    )
  }

  /// Most bytes at a time while a sample passes without gradients: what waits as skips is small beside a block.
  package var passing: Int { 4 * (blocks.map(\.passing).max() ?? 0) }

  package func flops(tokens: Int) -> Double {
    blocks.reduce(0) { $0 + $1.flops(tokens: tokens) }
  }
}
