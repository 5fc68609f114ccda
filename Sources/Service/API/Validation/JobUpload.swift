import Foundation
import HTTP
import Storage

/// The parts of `POST /v1/jobs` in their order: `job`, then `images`, once per photo.
enum JobUpload {
  static func job(
    _ reader: inout MultipartReader, _ limits: ServerLimits, _ models: [ModelShelf.Model],
    build: String
  ) async throws -> JobRequest {
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
    return try JobRequest(
      data,
      JobRequest.Surroundings(models: models, build: build) {
        UInt64(UInt32.random(in: 0...UInt32.max))
      })
  }

  static func photos(
    _ reader: inout MultipartReader, into folder: UploadFolder, _ limits: ServerLimits
  ) async throws -> [UploadFolder.File] {
    var files: [UploadFolder.File] = []
    while let part = try await reader.next() {
      guard part.name == "images" else { throw foreign(part.name) }
      files.append(
        try await folder.store(part, files.count, from: &reader, limit: limits.fileBytes))
    }
    guard !files.isEmpty else {
      throw Problem(
        .invalidRequest, "no photos: send at least one part \"images\"; three to five are best",
        errors: [.init(pointer: "images", code: "required", message: "at least one photo")])
    }
    return files
  }

  private static func foreign(_ name: String) -> Problem {
    let later = ["captions", "masks"].contains(name)
    return Problem(
      .invalidRequest,
      later
        ? "this build takes no \(name); see GET /v1/capabilities"
        : "there is no part \"\(name.prefix(64))\" after job but images",
      errors: [
        .init(
          pointer: String(name.prefix(64)), code: later ? "not_offered" : "unknown_part",
          message: "parts are job and images")
      ])
  }
}
