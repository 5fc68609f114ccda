package import Foundation
package import Tensors

/// A safetensors file, opened and checked; tensors are read one by one.
///
/// Bytes are copied with `pread`, never mapped: a file that shrinks under a mapping kills the process.
/// Refusals: see `SafetensorsHeader`, and pickle by content under any name.
package final class SafetensorsFile {
  package typealias Entry = SafetensorsHeader.Entry

  package let url: URL
  package let header: SafetensorsHeader
  private let descriptor: Int32
  private let dataStart: Int
  /// Room for a piece of a tensor while it is converted.
  private var piece: [UInt16] = []

  package var keys: [String] { header.entries.keys.sorted() }
  package var metadata: [String: String] { header.metadata }
  package subscript(key: String) -> Entry? { header.entries[key] }

  package init(_ url: URL) throws(WeightError) {
    self.url = url
    let file = url.shortName
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .unreadable(file: file, reason: String(cString: strerror(errno)), code: errno)
    }
    do throws(WeightError) {
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw WeightError.unreadable(file: file, reason: "it is not an ordinary file")
      }
      let fileSize = Int(status.st_size)
      let start = try Self.read(descriptor, 0..<min(16, fileSize), file)
      let length = start.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard fileSize > 9, length <= UInt64(SafetensorsHeader.maximumByteCount),
        8 + Int(length) <= fileSize, start[8] == UInt8(ascii: "{")
      else { throw Self.foreign(start, file) }
      dataStart = 8 + Int(length)
      let json = try Self.read(descriptor, 8..<dataStart, file)
      do {
        header = try SafetensorsHeader(json: json, dataByteCount: fileSize - dataStart)
      } catch {
        throw WeightError.malformed(file: file, reason: error.reason)
      }
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// What the bytes are instead of safetensors, said so that the user knows what to do.
  private static func foreign(_ start: [UInt8], _ file: String) -> WeightError {
    let text = String(decoding: start, as: UTF8.self)
    if text.hasPrefix("PK\u{3}\u{4}") || start.first == 0x80 { return .pickle(file: file) }
    if text.hasPrefix("version https:") {
      return .malformed(file: file, reason: "it is a Git LFS pointer; fetch the file it stands for")
    }
    return .malformed(file: file, reason: "no header of at most 16 MiB at its start")
  }

  private static func read(
    _ descriptor: Int32, _ range: Range<Int>, _ file: String
  ) throws(WeightError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    let isWhole = bytes.withUnsafeMutableBytes {
      readFully(descriptor, into: $0, at: range.lowerBound)
    }
    guard isWhole else { throw unread(file) }
    return bytes
  }

  /// What the last `readFully` has met; it sets `errno` to 0 where the file has ended.
  private static func unread(_ file: String) -> WeightError {
    let code = errno
    let reason = code == 0 ? "it ends early" : String(cString: strerror(code))
    return .unreadable(file: file, reason: reason, code: code)
  }

  private static func readFully(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at start: Int
  ) -> Bool {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, off_t(start + done))
      if count < 0, errno == EINTR { continue }
      if count == 0 { errno = 0 }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  /// The stored bytes of a tensor, little-endian.
  package func bytes(_ key: String) throws(WeightError) -> [UInt8] {
    let entry = try entry(key)
    let start = dataStart + entry.range.lowerBound
    return try Self.read(descriptor, start..<start + entry.range.count, url.shortName)
  }

  /// The bytes of a U8 tensor that must have `count` of them.
  package func bytes(_ key: String, count: Int) throws(WeightError) -> [UInt8] {
    let entry = try entry(key)
    guard entry.dtype == .u8, entry.shape == [count] else {
      throw .shapeMismatch(key: key, expected: [count], found: entry.shape)
    }
    return try bytes(key)
  }

  /// Copies a tensor into one of its shape.
  package func read(_ key: String, into tensor: Tensor) throws(WeightError) {
    let entry = try entry(key)
    guard entry.shape == tensor.shape.dims else {
      throw .shapeMismatch(key: key, expected: tensor.shape.dims, found: entry.shape)
    }
    let saved = try self.tensor(key)
    tensor.withMutableFloats { target in
      saved.withFloats { source in _ = target.update(fromContentsOf: source) }
    }
  }

  /// A floating point tensor in the engine's format.
  package func tensor(_ key: String, as dtype: DType = .f32) throws(WeightError) -> Tensor {
    let entry = try entry(key)
    let shape = Shape(entry.shape)
    let stored: Tensor
    switch entry.dtype {
    case .f32: stored = try filled(Tensor(uninitialized: shape, dtype: .f32), entry)
    case .bf16: stored = try filled(Tensor(uninitialized: shape, dtype: .bf16), entry)
    case .f16: stored = try converted(Tensor(uninitialized: shape, dtype: dtype), entry)
    case .f64: stored = Tensor(try numbers(key, Double.self).map { Float($0) }, shape: shape)
    default:
      throw .unsupportedDType(key: key, dtype: entry.dtype.rawValue, wanted: "F32, F16 or BF16")
    }
    return stored.dtype == dtype ? stored : stored.cast(to: dtype)
  }

  /// An integer tensor's values in row-major order; floats that are whole numbers count as well.
  package func integers(_ key: String) throws(WeightError) -> [Int] {
    let entry = try entry(key)
    switch entry.dtype {
    case .i64: return try numbers(key, Int64.self).map { Int($0) }
    case .i32: return try numbers(key, Int32.self).map { Int($0) }
    case .f32, .f64, .f16, .bf16:
      let values = try tensor(key).values
      let whole = values.compactMap { Int(exactly: $0) }
      if whole.count == values.count { return whole }
    default: break
    }
    throw .unsupportedDType(key: key, dtype: entry.dtype.rawValue, wanted: "I64 or I32")
  }

  /// The one value of a tensor, whatever its number format: trainers keep `alpha` as they hold it.
  package func number(_ key: String) throws(WeightError) -> Float {
    let entry = try entry(key)
    guard entry.shape.allSatisfy({ $0 == 1 }) else {
      throw .shapeMismatch(key: key, expected: [1], found: entry.shape)
    }
    func first<Number: BinaryInteger>(_ type: Number.Type) throws(WeightError) -> Float {
      Float(try numbers(key, type)[0])
    }
    switch entry.dtype {
    case .i64: return try first(Int64.self)
    case .i32: return try first(Int32.self)
    case .i16: return try first(Int16.self)
    case .i8: return try first(Int8.self)
    case .u64: return try first(UInt64.self)
    case .u32: return try first(UInt32.self)
    case .u16: return try first(UInt16.self)
    case .u8: return try first(UInt8.self)
    case .f64, .f32, .f16, .bf16: return try tensor(key).item
    case .bool, .f8e4m3, .f8e5m2:
      throw .unsupportedDType(key: key, dtype: entry.dtype.rawValue, wanted: "a number")
    }
  }

  private func entry(_ key: String) throws(WeightError) -> Entry {
    guard let entry = self[key] else { throw .missing(key: key) }
    return entry
  }

  private func filled(_ tensor: Tensor, _ entry: Entry) throws(WeightError) -> Tensor {
    let start = dataStart + entry.range.lowerBound
    let isWhole = tensor.withMutableBytes { Self.readFully(descriptor, into: $0, at: start) }
    guard isWhole else { throw Self.unread(url.shortName) }
    return tensor
  }

  /// Reads f16 numbers piece by piece, so that they are converted while they lie in the cache.
  private func converted(_ tensor: Tensor, _ entry: Entry) throws(WeightError) -> Tensor {
    if piece.isEmpty { piece = [UInt16](repeating: 0, count: 1 << 18) }
    var start = 0
    while start < tensor.count {
      let count = min(piece.count, tensor.count - start)
      let place = dataStart + entry.range.lowerBound + 2 * start
      let isWhole = piece.withUnsafeMutableBytes {
        Self.readFully(descriptor, into: .init(rebasing: $0[..<(2 * count)]), at: place)
      }
      guard isWhole else { throw Self.unread(url.shortName) }
      piece.withUnsafeBufferPointer {
        tensor.write(f16: .init(rebasing: $0[..<count]), at: start)
      }
      start += count
    }
    return tensor
  }

  private func numbers<Number>(
    _ key: String, _ type: Number.Type
  ) throws(WeightError) -> [Number] {
    try bytes(key).withUnsafeBytes { Array($0.bindMemory(to: Number.self)) }
  }
}

extension URL {
  /// Folder and name: enough to find the file, without the machine's paths.
  package var shortName: String { pathComponents.suffix(2).joined(separator: "/") }
}
