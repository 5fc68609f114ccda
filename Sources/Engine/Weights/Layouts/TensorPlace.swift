import Tensors

/// Where a file of another layout keeps one of our tensors.
package struct TensorPlace: Equatable, Sendable {
  /// The tensor's name in the file.
  package var key: String
  /// 0, 1 or 2 where the file's tensor holds three of ours, one above the other.
  package var third: Int?
  /// Our matrix is a 1 by 1 kernel there.
  package var isKernel = false

  package init(_ key: String, third: Int? = nil, isKernel: Bool = false) {
    (self.key, self.third, self.isKernel) = (key, third, isKernel)
  }

  /// Whether the file's shape holds a tensor of ours.
  package func holds(_ shape: [Int], in found: [Int]) -> Bool {
    if third != nil { return found == [3 * shape[0]] + shape.dropFirst() }
    // Older files write the kernel's sides, newer ones the matrix.
    return found == shape
      || isKernel && found.starts(with: shape)
        && found.dropFirst(shape.count).allSatisfy { $0 == 1 }
  }

  /// Our tensor, taken out of the file's.
  func ours(_ stored: Tensor, shape: Shape) -> Tensor {
    guard let third else {
      return stored.shape == shape ? stored : withoutGradients { stored.reshaped(shape) }
    }
    let part = Tensor(uninitialized: shape, dtype: stored.dtype)
    part.withMutableBytes { target in
      stored.withBytes {
        target.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: $0[(third * target.count)...].prefix(target.count))
        )
      }
    }
    return part
  }
}

/// Our names of one component's tensors, each with its place in another layout.
package typealias TensorPlaces = [String: TensorPlace]
