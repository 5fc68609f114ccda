package import Foundation

/// Reads configuration and vocabulary files, which are small in every real model.
package enum SmallFile {
  package static let maximumByteCount = 64 << 20

  package static func read(_ url: URL) throws(WeightError) -> Data {
    do {
      let attributes = try FileManager.default.attributesOfItem(atPath: url.path)
      let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
      guard size <= maximumByteCount else {
        throw WeightError.unreadable(
          file: url.shortName, reason: "it is larger than \(maximumByteCount >> 20) MiB")
      }
      return try Data(contentsOf: url)
    } catch let error as WeightError {
      throw error
    } catch {
      let isThere = FileManager.default.fileExists(atPath: url.path)
      throw .unreadable(
        file: url.shortName,
        reason: isThere ? error.localizedDescription : "there is no such file",
        code: isThere ? SystemError.code(of: error) ?? 0 : 0)
    }
  }
}
