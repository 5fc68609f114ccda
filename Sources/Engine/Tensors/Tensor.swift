/// A dense row-major array of f32 or bf16 values, and how it was computed.
///
/// Activations are channels-last. Values never change once an op has read them; weights change only
/// through `withMutableBytes` and `withMutableFloats`. A tensor stays on the thread that made it.
package final class Tensor {
  package let shape: Shape
  package let dtype: DType
  private(set) var buffer: Buffer
  /// The op that made this tensor; `nil` for leaves and where no history was recorded.
  var node: Node?
  /// How to compute these values again from what the op that made them keeps anyway (see `Kept`).
  var remake: (() -> Tensor)?
  /// A leaf that wants a gradient.
  package var isTrainable = false
  /// What `backward` accumulated into this trainable leaf: f32, same shape.
  package var gradient: Tensor?

  init(buffer: Buffer, shape: Shape, dtype: DType) {
    self.buffer = buffer
    self.shape = shape
    self.dtype = dtype
  }

  /// Memory as it comes, to be filled by the caller.
  package convenience init(uninitialized shape: Shape, dtype: DType = .f32) {
    self.init(
      buffer: Buffer(byteCount: shape.count * dtype.bytes), shape: shape, dtype: dtype)
  }

  package convenience init(_ values: [Float], shape: Shape) {
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    self.init(uninitialized: shape)
    withMutableBytes { memory in values.withUnsafeBytes { memory.copyMemory(from: $0) } }
  }

  package convenience init(bf16 bits: [UInt16], shape: Shape) {
    precondition(bits.count == shape.count, "\(bits.count) values for shape \(shape)")
    self.init(uninitialized: shape, dtype: .bf16)
    withMutableBytes { memory in bits.withUnsafeBytes { memory.copyMemory(from: $0) } }
  }

  /// Values in memory that `owner` keeps alive and unchanged: a mapped file.
  package convenience init(
    mapping pointer: UnsafeRawPointer, owner: AnyObject, shape: Shape, dtype: DType
  ) {
    let buffer = Buffer(mapping: pointer, byteCount: shape.count * dtype.bytes, owner: owner)
    self.init(buffer: buffer, shape: shape, dtype: dtype)
  }

  package static func full(_ shape: Shape, _ value: Float) -> Tensor {
    let tensor = Tensor(uninitialized: shape)
    tensor.mutableFloats.update(repeating: value, count: shape.count)
    return tensor
  }

  package static func zeros(_ shape: Shape) -> Tensor { full(shape, 0) }

  package var count: Int { shape.count }

  package var shape2: (Int, Int) {
    precondition(shape.rank == 2, "rank 2 expected, shape \(shape)")
    return (shape[0], shape[1])
  }

  package var shape3: (Int, Int, Int) {
    precondition(shape.rank == 3, "rank 3 expected, shape \(shape)")
    return (shape[0], shape[1], shape[2])
  }

  package var shape4: (Int, Int, Int, Int) {
    precondition(shape.rank == 4, "rank 4 expected, shape \(shape)")
    return (shape[0], shape[1], shape[2], shape[3])
  }
}

// MARK: - Values

extension Tensor {
  /// All values as f32, copied out.
  package var values: [Float] {
    let source = dtype == .f32 ? self : cast(to: .f32)
    return Array(UnsafeBufferPointer(start: source.floats, count: count))
  }

  /// The only value.
  package var item: Float {
    precondition(count == 1, "item of a tensor of shape \(shape)")
    return values[0]
  }

  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: buffer.pointer, count: count * dtype.bytes))
  }

  /// Write access to a leaf: loading, optimizer, tests.
  package func withMutableBytes<R>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> R
  ) rethrows -> R {
    precondition(node == nil && !buffer.isMapped, "only an unmapped leaf can be written")
    defer { withExtendedLifetime(self) {} }
    return try body(
      UnsafeMutableRawBufferPointer(start: buffer.pointer, count: count * dtype.bytes))
  }

  package func withFloats<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeBufferPointer(start: floats, count: count))
  }

  package func withMutableFloats<R>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
  ) rethrows -> R {
    precondition(node == nil && !buffer.isMapped, "only an unmapped leaf can be written")
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeMutableBufferPointer(start: mutableFloats, count: count))
  }

  /// The same memory without history.
  package func detached() -> Tensor { Tensor(buffer: buffer, shape: shape, dtype: dtype) }

  /// New memory, the same values, no history.
  package func copy() -> Tensor {
    let copy = Tensor(uninitialized: shape, dtype: dtype)
    copy.buffer.pointer.copyMemory(from: buffer.pointer, byteCount: count * dtype.bytes)
    return copy
  }

  /// The values in another number format, rounded to nearest even; no gradient flows through.
  package func cast(to target: DType) -> Tensor {
    if target == dtype { return detached() }
    let result = Tensor(uninitialized: shape, dtype: target)
    let bits = target == .bf16 ? result.buffer.pointer : buffer.pointer
    let halves = bits.assumingMemoryBound(to: UInt16.self)
    if target == .bf16 {
      kernels.toBF16(floats, halves, count: count)
    } else {
      kernels.fromBF16(halves, result.mutableFloats, count: count)
    }
    return result
  }

  /// Writes numbers stored as f16 over the values from `start` on.
  package func write(f16 bits: UnsafeBufferPointer<UInt16>, at start: Int) {
    precondition(node == nil && !buffer.isMapped, "only an unmapped leaf can be written")
    precondition(start >= 0 && start + bits.count <= count, "\(bits.count) values at \(start)")
    guard let source = bits.baseAddress else { return }
    switch dtype {
    case .f32: kernels.fromF16(source, mutableFloats + start, count: bits.count)
    case .bf16:
      let values = Tensor(uninitialized: [bits.count])
      kernels.fromF16(source, values.mutableFloats, count: bits.count)
      let halves = buffer.pointer.assumingMemoryBound(to: UInt16.self) + start
      kernels.toBF16(values.floats, halves, count: bits.count)
    }
  }

  /// Sum of squares in double precision, in a fixed order.
  package func sumOfSquares() -> Double { kernels.sumOfSquares(floats, count: count) }

  package var allFinite: Bool { kernels.allFinite(floats, count: count) }
}

// MARK: - Memory, for ops

extension Tensor {
  /// No other tensor (a reshape, a detached twin) sees this memory.
  var ownsMemoryAlone: Bool { isKnownUniquelyReferenced(&buffer) && !buffer.isMapped }

  var floats: Floats { Floats(mutableFloats) }

  var mutableFloats: MutableFloats {
    precondition(dtype == .f32, "f32 expected, tensor of shape \(shape) is \(dtype)")
    return buffer.pointer.assumingMemoryBound(to: Float.self)
  }

  var operand: Operand {
    switch dtype {
    case .f32: .f32(floats)
    case .bf16: .bf16(UnsafePointer(buffer.pointer.assumingMemoryBound(to: UInt16.self)))
    }
  }
}

/// The kernels that ops run on now.
var kernels: any Kernels { ActiveKernels.current }
