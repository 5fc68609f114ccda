package import Tensors

/// CLIP-I: mean pairwise cosine of generated and real pictures of the subject (DreamBooth, 2208.12242, section 4.2).
package struct CLIPImageScore {
  /// Unit vectors of the real pictures, `[R, D]`
  private let real: Tensor

  package init(real: Tensor) { self.real = real }

  /// - Parameter generated: unit vectors, `[G, D]`
  package func callAsFunction(_ generated: Tensor) -> Float {
    withoutGradients { mean(matmul(generated, real, transposeB: true)).item }
  }
}
