import Imaging
import Tensors

/// Pictures of the world as a network sees them.
enum ToyPictures {
  /// - Returns: values in -1...1, `[B, side, side, 3]`
  static func tensor(_ pictures: [PixelBuffer]) -> Tensor {
    let side = pictures[0].width
    let count = side * side * 3
    let tensor = Tensor(uninitialized: [pictures.count, side, side, 3])
    tensor.withMutableFloats { values in
      for (i, picture) in pictures.enumerated() {
        for j in 0..<count { values[i * count + j] = Float(picture.pixels[j]) / 127.5 - 1 }
      }
    }
    return tensor
  }

  /// - Parameter tensor: values in -1...1, `[B, side, side, 3]`
  static func buffers(_ tensor: Tensor) -> [PixelBuffer] {
    let (B, H, W, _) = tensor.shape4
    let values = tensor.values
    let count = H * W * 3
    return (0..<B).map {
      PixelBuffer(width: W, height: H, signed: Array(values[$0 * count..<($0 + 1) * count]))
    }
  }
}
