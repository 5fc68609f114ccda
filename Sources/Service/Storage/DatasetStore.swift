import Contract
import GRDB

/// Datasets and the verdicts of their photos.
package struct DatasetStore: Sendable {
  private let database: Database
  private let jobs: JobStore

  package init(_ database: Database, jobs: JobStore) {
    self.database = database
    self.jobs = jobs
  }

  package func find(_ id: String) async throws -> Dataset? {
    try await database.read("reading a dataset") { db in
      guard
        let row = try Row.fetchOne(db, sql: "SELECT * FROM datasets WHERE id = ?", arguments: [id])
      else { return nil }
      let images = try Row.fetchAll(
        db, sql: "SELECT * FROM dataset_images WHERE dataset_id = ? ORDER BY position",
        arguments: [id])
      return Dataset(
        id: row["id"], kind: try row.choice("kind"),
        createdAt: row.requiredTimestamp("created_at"), sha256: row["sha256"],
        images: try images.map(DatasetImage.init(row:)))
    }
  }

  /// Writes the verdicts of a whole set and moves its job on, in one transaction.
  /// - Returns: the job after the move; `nil` if it had left `validating`, and nothing changed.
  package func conclude(
    _ dataset: Dataset, warnings: [JobWarning], ofJob jobId: String, _ move: JobMove
  ) async throws -> Job? {
    let moved: Job? = try await database.write("storing verdicts", .ballast) { db in
      guard let before = try JobStore.find(jobId, in: db), move.from.contains(before.status) else {
        return nil
      }
      for image in dataset.images { try Self.update(image, in: db) }
      try db.execute(
        sql: "UPDATE datasets SET sha256 = ? WHERE id = ?",
        arguments: [dataset.sha256, dataset.id])
      try db.execute(
        sql: "UPDATE jobs SET warnings = ? WHERE id = ?",
        arguments: [try JSONColumn.text(before.warnings + warnings), jobId])
      for image in dataset.images where image.verdict == .rejected {
        let event = EventStore.Draft(
          .imageRejected, image.findings.map(\.message).joined(separator: "; "), level: .warn,
          data: ["image": image.id, "param": dataset.label(of: image)])
        try jobs.events.append(event, to: jobId, in: db)
      }
      return try jobs.perform(move, on: jobId, in: db)
    }
    if moved != nil { database.changes.announce(jobId) }
    return moved
  }

  /// Every blob that some photo refers to.
  package func usedBlobs() async throws -> Set<String> {
    try await database.read("listing used blobs") { db in
      try String.fetchSet(
        db,
        sql: """
          SELECT blob FROM dataset_images WHERE blob IS NOT NULL
          UNION SELECT mask FROM dataset_images WHERE mask IS NOT NULL
          """)
    }
  }

  static func insert(
    _ id: String, photos: [(id: String, photo: UploadedPhoto)], createdAt: Timestamp,
    in db: GRDB.Database
  ) throws {
    try db.execute(
      sql: "INSERT INTO datasets (id, kind, created_at) VALUES (?, ?, ?)",
      arguments: [id, DatasetKind.subject.rawValue, createdAt.milliseconds])
    for (position, entry) in photos.enumerated() {
      try db.execute(
        sql: """
          INSERT INTO dataset_images
            (id, dataset_id, position, role, file_name, upload_bytes, caption, mask_name)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          entry.id, id, position, entry.photo.role.rawValue, entry.photo.fileName,
          entry.photo.bytes, entry.photo.caption, entry.photo.maskName,
        ])
    }
  }

  private static func update(_ image: DatasetImage, in db: GRDB.Database) throws {
    try db.execute(
      sql: """
        UPDATE dataset_images SET verdict = ?, findings = ?, width = ?, height = ?, crop_box = ?,
          duplicate_group = ?, blob = ?, mask = ? WHERE id = ?
        """,
      arguments: [
        image.verdict?.rawValue, try JSONColumn.text(image.findings), image.width, image.height,
        try JSONColumn.text(optional: image.cropBox), image.duplicateGroup, image.blob, image.mask,
        image.id,
      ])
  }
}

extension DatasetImage {
  fileprivate init(row: Row) throws {
    self.init(
      id: row["id"], datasetId: row["dataset_id"], position: row["position"],
      role: try row.choice("role"), fileName: row["file_name"], uploadBytes: row["upload_bytes"],
      verdict: try row.optionalChoice("verdict"), findings: try JSONColumn.value(row, "findings"),
      width: row["width"], height: row["height"],
      cropBox: try JSONColumn.optional(row, "crop_box"), duplicateGroup: row["duplicate_group"],
      blob: row["blob"], caption: row["caption"], maskName: row["mask_name"], mask: row["mask"])
  }
}
