import Contract
import Foundation
import GRDB

/// Values that no query looks into are JSON text in the project's one dialect.
enum JSONColumn {
  static func text(_ value: some Encodable) throws -> String {
    String(decoding: try ContractJSON.encoder().encode(value), as: UTF8.self)
  }

  static func text(optional value: (some Encodable)?) throws -> String? {
    try value.map { try text($0) }
  }

  static func value<Value: Decodable>(_ row: Row, _ column: String) throws -> Value {
    guard let value: Value = try optional(row, column) else {
      throw StorageError.undecodable(record: column, detail: "the column is empty")
    }
    return value
  }

  static func optional<Value: Decodable>(_ row: Row, _ column: String) throws -> Value? {
    guard let text: String = row[column] else { return nil }
    do {
      return try ContractJSON.decoder().decode(Value.self, from: Data(text.utf8))
    } catch {
      throw StorageError.undecodable(record: column, detail: "\(error)")
    }
  }
}

extension Row {
  func timestamp(_ column: String) -> Timestamp? {
    (self[column] as Int64?).map(Timestamp.init(milliseconds:))
  }

  func requiredTimestamp(_ column: String) -> Timestamp {
    Timestamp(milliseconds: self[column])
  }

  /// A column that holds the raw value of an enumeration.
  func choice<Value: RawRepresentable<String>>(_ column: String) throws -> Value {
    guard let value: Value = try optionalChoice(column) else {
      throw StorageError.undecodable(record: column, detail: "the column is empty")
    }
    return value
  }

  func optionalChoice<Value: RawRepresentable<String>>(_ column: String) throws -> Value? {
    guard let text: String = self[column] else { return nil }
    guard let value = Value(rawValue: text) else {
      throw StorageError.undecodable(record: column, detail: "\(text) is not known")
    }
    return value
  }
}
