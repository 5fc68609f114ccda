package import Tensors

/// CLIP-T: mean cosine of each picture and its prompt, the identifier dropped from the text
/// (DreamBooth, 2208.12242, section 4.2).
package enum CLIPTextScore {
  /// - Parameters: unit vectors, row by row of one pair, `[G, D]`
  package static func score(_ generated: Tensor, texts: Tensor) -> Float {
    withoutGradients { mean(sum(generated * texts, axis: 1)).item }
  }
}
