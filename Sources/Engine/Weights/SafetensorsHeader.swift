/// The JSON header of a safetensors file, checked as strictly as the format allows:
/// no duplicate key, unknown field, overlap, hole, trailing byte or overflow.
///
/// Format: https://huggingface.co/docs/safetensors. JSON is read here, not by a library, because
/// the common ones accept duplicate keys and keep the last.
package struct SafetensorsHeader: Equatable {
  package struct Entry: Equatable, Sendable {
    package var dtype: StoredDType
    package var shape: [Int]
    /// Position in the data section, in bytes.
    package var range: Range<Int>
  }

  struct Malformed: Error { let reason: String }

  static let maximumByteCount = 16 << 20
  static let maximumTensorCount = 65_536
  static let maximumRank = 8

  package private(set) var entries: [String: Entry] = [:]
  package private(set) var metadata: [String: String] = [:]

  /// - Parameters:
  ///   - json: the header's bytes
  ///   - dataByteCount: length of the data section that follows
  init(json: [UInt8], dataByteCount: Int) throws(Malformed) {
    var cursor = HeaderCursor(json)
    guard json.first == UInt8(ascii: "{") else { throw Malformed(reason: "no JSON object") }
    var hasMetadata = false
    var keys = try HeaderCursor.Members(&cursor)
    while let key = try keys.next(&cursor) {
      if key == "__metadata__" {
        guard !hasMetadata else { throw Malformed(reason: "__metadata__ appears twice") }
        hasMetadata = true
        // The reference reads null as no metadata.
        if !cursor.skipNull() { metadata = try Self.readMetadata(&cursor) }
      } else {
        let entry = try Self.readEntry(&cursor, key)
        guard entries.updateValue(entry, forKey: key) == nil else {
          throw Malformed(reason: "key '\(key)' appears twice")
        }
        guard entries.count <= Self.maximumTensorCount else {
          throw Malformed(reason: "more than \(Self.maximumTensorCount) tensors")
        }
      }
    }
    try cursor.requireEnd()
    try requireDense(dataByteCount)
  }

  private static func readMetadata(
    _ cursor: inout HeaderCursor
  ) throws(Malformed) -> [String: String] {
    var metadata: [String: String] = [:]
    var keys = try HeaderCursor.Members(&cursor)
    while let key = try keys.next(&cursor) {
      guard metadata.updateValue(try cursor.string(), forKey: key) == nil else {
        throw Malformed(reason: "metadata key '\(key)' appears twice")
      }
    }
    return metadata
  }

  private static func readEntry(
    _ cursor: inout HeaderCursor, _ key: String
  ) throws(Malformed) -> Entry {
    var (dtype, shape, offsets) = (StoredDType?.none, [Int]?.none, [Int]?.none)
    var fields = try HeaderCursor.Members(&cursor)
    while let field = try fields.next(&cursor) {
      switch field {
      case "dtype" where dtype == nil:
        let name = try cursor.string()
        guard let known = StoredDType(rawValue: name) else {
          throw Malformed(reason: "tensor '\(key)' has the unknown dtype '\(name)'")
        }
        dtype = known
      case "shape" where shape == nil: shape = try cursor.integers()
      case "data_offsets" where offsets == nil: offsets = try cursor.integers()
      default: throw Malformed(reason: "tensor '\(key)' has the field '\(field)' unknown or twice")
      }
    }
    guard let dtype, let shape, let offsets, offsets.count == 2 else {
      throw Malformed(reason: "tensor '\(key)' needs dtype, shape and two data_offsets")
    }
    guard shape.count <= maximumRank else {
      throw Malformed(reason: "tensor '\(key)' has rank \(shape.count), more than \(maximumRank)")
    }
    var bytes = dtype.byteCount
    for side in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: side)
      guard !overflow else { throw Malformed(reason: "tensor '\(key)' is too large: \(shape)") }
      bytes = product
    }
    guard offsets[0] <= offsets[1], offsets[1] - offsets[0] == bytes else {
      throw Malformed(
        reason:
          "tensor '\(key)' of shape \(shape) needs \(bytes) bytes, not data_offsets \(offsets)")
    }
    return Entry(dtype: dtype, shape: shape, range: offsets[0]..<offsets[1])
  }

  /// The tensors fill the data section exactly, each byte once.
  private func requireDense(_ dataByteCount: Int) throws(Malformed) {
    let sorted = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
        < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
    }
    var end = 0
    for (key, entry) in sorted {
      guard entry.range.lowerBound == end else {
        let kind = entry.range.lowerBound < end ? "overlaps another" : "leaves a hole before it"
        throw Malformed(reason: "tensor '\(key)' \(kind)")
      }
      end = entry.range.upperBound
    }
    guard end == dataByteCount else {
      throw Malformed(
        reason: "the tensors take \(end) bytes, but \(dataByteCount) follow the header")
    }
  }
}
