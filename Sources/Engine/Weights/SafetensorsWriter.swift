package import Foundation
package import Tensors

/// Writes a safetensors file: whole or not at all, and the same bytes for the same tensors.
///
/// Order as in the reference implementation: wider formats first, then keys, so every tensor is
/// aligned. The file is written aside, synced and renamed, and the folder is synced.
package struct SafetensorsWriter {
  private enum Content {
    case tensor(Tensor)
    case integers([Int])
    case bytes([UInt8])
  }
  private struct Item {
    var key: String
    var dtype: StoredDType
    var shape: [Int]
    var content: Content
    var byteCount: Int { shape.reduce(dtype.byteCount, *) }
  }

  private var items: [String: Item] = [:]
  package var metadata: [String: String]

  /// - Parameter metadata: text beside the tensors; `format: pt` is what other readers look for
  package init(metadata: [String: String] = ["format": "pt"]) {
    self.metadata = metadata
  }

  package mutating func add(_ key: String, _ tensor: Tensor, as dtype: StoredDType = .f32) {
    precondition(dtype.isWeight, "SafetensorsWriter: '\(key)' as \(dtype)")
    insert(Item(key: key, dtype: dtype, shape: tensor.shape.dims, content: .tensor(tensor)))
  }

  /// Whole numbers, stored as I64.
  package mutating func add(_ key: String, integers: [Int], shape: [Int]) {
    precondition(shape.reduce(1, *) == integers.count, "SafetensorsWriter: '\(key)' \(shape)")
    insert(Item(key: key, dtype: .i64, shape: shape, content: .integers(integers)))
  }

  /// Bytes of a format of their own, stored as U8.
  package mutating func add(_ key: String, bytes: [UInt8]) {
    insert(Item(key: key, dtype: .u8, shape: [bytes.count], content: .bytes(bytes)))
  }

  private mutating func insert(_ item: Item) {
    precondition(items[item.key] == nil, "SafetensorsWriter: '\(item.key)' twice")
    items[item.key] = item
  }

  package func write(to url: URL) throws(WeightError) {
    try AtomicFile.write(to: url) { output in
      header().withUnsafeBytes { output.append($0) }
      forEachTensor { output.append($0) }
    }
  }

  private var sorted: [Item] {
    items.values.sorted { ($1.dtype.byteCount, $0.key) < ($0.dtype.byteCount, $1.key) }
  }

  /// The file's start: length of the JSON, and the JSON.
  func header() -> [UInt8] {
    let json = json(of: sorted)
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
  }

  /// The bytes of every tensor, in the file's order.
  func forEachTensor(_ body: (UnsafeRawBufferPointer) -> Void) {
    for item in sorted { Self.withBytes(of: item, body) }
  }

  private func json(of sorted: [Item]) -> [UInt8] {
    var (offset, fields) = (0, [String]())
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0)):\(quoted($1))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    for item in sorted {
      let shape = item.shape.map(String.init).joined(separator: ",")
      let end = offset + item.byteCount
      fields.append(
        "\(quoted(item.key)):{\"dtype\":\"\(item.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    let json = Array("{\(fields.joined(separator: ","))}".utf8)
    return json + [UInt8](repeating: 0x20, count: (8 - json.count % 8) % 8)
  }

  private func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  private static func withBytes(of item: Item, _ body: (UnsafeRawBufferPointer) -> Void) {
    switch (item.content, item.dtype) {
    case (.integers(let numbers), _): numbers.map(Int64.init).withUnsafeBytes(body)
    case (.bytes(let bytes), _): bytes.withUnsafeBytes(body)
    case (.tensor(let tensor), .f16): tensor.values.map { Float16($0) }.withUnsafeBytes(body)
    case (.tensor(let tensor), let dtype):
      tensor.cast(to: dtype == .bf16 ? .bf16 : .f32).withBytes(body)
    }
  }
}
