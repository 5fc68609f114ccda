import Contract
import Foundation
import HTTP

/// The parts of `POST /v1/jobs`, in any order. Where `job` comes first, its faults are told before any image
/// byte is taken.
struct JobUpload {
  enum Field: String, CaseIterable { case images, captions, masks, classImages = "class_images" }

  private let folder: UploadFolder
  private let limits: ServerLimits
  /// Called before each file with the bytes that it may have.
  private let requireSpace: (Int) async throws -> Void
  private var files: [Field: [UploadFolder.File]] = [:]
  private var number = 0

  /// The user's own class pictures; more than the examples of the field ever take.
  static let classImages = RecipeLimits.Range(minimum: 1, maximum: 300)

  init(
    into folder: UploadFolder, _ limits: ServerLimits,
    requireSpace: @escaping (Int) async throws -> Void
  ) {
    (self.folder, self.limits, self.requireSpace) = (folder, limits, requireSpace)
  }

  /// Reads as far as the description of the job; files before it are kept.
  mutating func job(_ reader: inout MultipartReader) async throws -> JSONValue {
    while let part = try await reader.next() {
      if part.name == "job" { return try await parse(part, &reader) }
      try await store(part, &reader)
    }
    throw Problem(
      .invalidRequest, "there is no part \"job\", the description of the job as JSON",
      errors: [.init(pointer: "job", code: "required", message: "the part is missing")])
  }

  /// Reads the files after the description of the job.
  mutating func rest(_ reader: inout MultipartReader) async throws {
    while let part = try await reader.next() { try await store(part, &reader) }
    guard !self[.images].isEmpty else {
      throw Problem(
        .invalidRequest, "no photos: send at least one part \"images\"; three to five are best",
        errors: [.init(pointer: "images", code: "required", message: "at least one photo")])
    }
  }

  private func parse(
    _ part: MultipartReader.Part, _ reader: inout MultipartReader
  ) async throws -> JSONValue {
    let types = ["application/json", "application/octet-stream", "text/plain"]
    if let type = part.contentType, !types.contains(type) {
      throw Problem(.unsupportedMediaType, "the part job must be application/json, not \(type)")
    }
    var data = Data()
    while let chunk = try await reader.nextChunk() {
      data.append(chunk)
      guard data.count <= limits.jsonBytes else {
        throw Problem(.bodyTooLarge, "the part job is limited to \(limits.jsonBytes) bytes")
      }
    }
    return try StrictJSON.parse(data, source: "the part job")
  }

  private mutating func store(
    _ part: MultipartReader.Part, _ reader: inout MultipartReader
  ) async throws {
    guard let field = Field(rawValue: part.name) else { throw Self.foreign(part.name) }
    let bytes = field == .captions ? RecipeLimits.captionLength.maximum * 4 : limits.fileBytes
    try await requireSpace(bytes)
    let file = try await folder.store(part, number, from: &reader, limit: bytes)
    files[field, default: []].append(file)
    number += 1
    let most = field == .classImages ? Self.classImages.maximum : RecipeLimits.images.maximum
    guard self[field].count <= most else {
      throw Self.wrongCount(field, "at most \(most) are taken", most)
    }
  }

  subscript(_ field: Field) -> [UploadFolder.File] { files[field, default: []] }

  private static func wrongCount(_ field: Field, _ message: String, _ most: Int) -> Problem {
    Problem(
      .invalidRequest, "\(field.rawValue): \(message)",
      errors: [
        .init(
          pointer: field.rawValue, code: "wrong_count", message: message,
          allowed: ["max": .integer(most)])
      ])
  }

  private static func foreign(_ name: String) -> Problem {
    let name = String(name.prefix(64))
    if name == "job" {
      return Problem(
        .invalidRequest, "the part \"job\" is there twice",
        errors: [.init(pointer: name, code: "repeated", message: "may be there once")])
    }
    let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
    return Problem(
      .invalidRequest, "there is no part \"\(name)\"; parts are job, \(known)",
      errors: [
        .init(pointer: name, code: "unknown_part", message: "parts are job, \(known)")
      ])
  }
}
