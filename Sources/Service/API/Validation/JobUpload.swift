import Contract
import Foundation
import HTTP

/// The parts of `POST /v1/jobs`: `job` first, then files in any order.
struct JobUpload {
  enum Field: String, CaseIterable { case images, captions, masks, classImages = "class_images" }

  private(set) var files: [Field: [UploadFolder.File]] = [:]

  /// The user's own class pictures; more than the examples of the field ever take.
  static let classImages = RecipeLimits.Range(minimum: 1, maximum: 300)

  static func job(
    _ reader: inout MultipartReader, _ limits: ServerLimits
  ) async throws -> JSONValue {
    guard let part = try await reader.next(), part.name == "job" else {
      throw Problem(
        .invalidRequest, "the first part must be \"job\", the description of the job as JSON",
        errors: [.init(pointer: "job", code: "required", message: "must be the first part")])
    }
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

  /// Streams every file into the folder.
  /// - Parameter requireSpace: called before each part with the bytes that it may have
  init(
    _ reader: inout MultipartReader, into folder: UploadFolder, _ limits: ServerLimits,
    requireSpace: (Int) async throws -> Void
  ) async throws {
    var number = 0
    while let part = try await reader.next() {
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
    guard !self[.images].isEmpty else {
      throw Problem(
        .invalidRequest, "no photos: send at least one part \"images\"; three to five are best",
        errors: [.init(pointer: "images", code: "required", message: "at least one photo")])
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
    let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
    return Problem(
      .invalidRequest, "there is no part \"\(name.prefix(64))\" after job but \(known)",
      errors: [
        .init(
          pointer: String(name.prefix(64)), code: "unknown_part",
          message: "parts are job, \(known)")
      ])
  }
}
