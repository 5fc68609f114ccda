/// A verified checkpoint of a job, in `jobs/<id>/<folder>`.
package struct Checkpoint: Codable, Equatable, Sendable {
  package var id: String
  package var jobId: String
  package var epoch: Int
  package var step: Int
  /// `e1/step-000100`, below the job's folder.
  package var folder: String
  package var manifestSha256: String
  package var createdAt: Timestamp
}

/// One preview picture; step 0 is the base model's.
package struct Sample: Codable, Equatable, Sendable {
  package var id: String
  package var jobId: String
  package var epoch: Int
  package var step: Int
  package var promptIndex: Int
  package var prompt: String
  package var seed: UInt64
  /// PNG below the job's folder.
  package var file: String
  package var bytes: Int
  package var sha256: String
  package var width: Int
  package var height: Int
  package var createdAt: Timestamp
}

/// The report of a job: one JSON file, and one picture if there is one.
package struct Report: Codable, Equatable, Sendable {
  package var id: String
  package var jobId: String
  package var epoch: Int
  /// Files below the job's folder: `report.json` and `report.png`.
  package var files: [StoredFile]
  package var createdAt: Timestamp
}

/// A published artifact: all its files were verified in one epoch.
package struct Artifact: Codable, Equatable, Sendable {
  package var id: String
  package var jobId: String
  package var epoch: Int
  package var format: String
  /// Below the job's folder.
  package var folder: String
  /// Sum of the files.
  package var bytes: Int
  /// SHA-256 over the lines `<sha256>  <name>\n` of the files, sorted by name.
  package var sha256: String
  package var files: [StoredFile]
  package var createdAt: Timestamp
}

/// A file with its digest; `name` is a relative path.
package struct StoredFile: Codable, Equatable, Sendable {
  package var name: String
  package var bytes: Int
  package var sha256: String
  package init(name: String, bytes: Int, sha256: String) {
    self.name = name
    self.bytes = bytes
    self.sha256 = sha256
  }
}

/// One page of a list in cursor order.
package struct Page<Item: Sendable>: Sendable {
  package var items: [Item]
  package var hasMore: Bool
  package init(items: [Item], hasMore: Bool) {
    self.items = items
    self.hasMore = hasMore
  }
}

/// Where in a list to go on, and how much of it to give.
package struct PageRequest: Sendable {
  package enum Order: String, Sendable { case ascending = "asc", descending = "desc" }

  /// Id of the last item already seen.
  package var after: String?
  /// Id of the first item already seen: the page that ends just before it.
  package var before: String?
  package var limit: Int
  package var order: Order

  package init(
    after: String? = nil, before: String? = nil, limit: Int = 20, order: Order = .descending
  ) {
    self.after = after
    self.before = before
    self.limit = limit
    self.order = order
  }
}
