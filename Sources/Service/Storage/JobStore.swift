package import Contract
package import Foundation
import GRDB

/// Jobs: created, claimed and moved by single guarded statements, each with its event in the same
/// transaction. A statement that finds the job elsewhere changes no row and says so.
package struct JobStore: Sendable {
  let database: Database
  let ids: Identifiers
  let time: any TimeSource
  let events: EventStore

  package init(
    _ database: Database, ids: Identifiers, time: any TimeSource, events: EventStore
  ) {
    self.database = database
    self.ids = ids
    self.time = time
    self.events = events
  }

  package enum Creation: Sendable, Equatable {
    case created(Job, answer: Data)
    /// The same request was accepted before.
    case replayed(answer: Data)
    /// The key was used for another request.
    case keyReused
  }

  /// Stores a job with its dataset, event and idempotency key, all or nothing: in `validating`, or in
  /// `queued` if its pictures are those of an earlier job.
  /// - Parameters:
  ///   - id: made beforehand, because the uploads already lie under it
  ///   - answer: the response body to keep for replays, made from the job as stored
  package func create(
    _ draft: JobDraft, id: String, photos: [UploadedPhoto], idempotency: IdempotencyKey?,
    answer: @escaping @Sendable (Job) throws -> Data
  ) async throws -> Creation {
    let now = time.now
    let datasetId = draft.sharedDataset ?? ids.next(.dataset)
    let imageIds = photos.map { _ in ids.next(.image) }
    let creation: Creation = try await database.write("creating a job") { db in
      if let idempotency, let known = try idempotency.find(in: db) {
        return known.fingerprint == idempotency.fingerprint
          ? .replayed(answer: known.answer) : .keyReused
      }
      if draft.sharedDataset == nil {
        try DatasetStore.insert(
          datasetId, photos: Array(zip(imageIds, photos)), createdAt: now, in: db)
      }
      try insert(draft, id: id, datasetId: datasetId, createdAt: now, in: db)
      try events.append(Self.acceptance(draft, photos.count), to: id, in: db)
      if draft.sharedDataset != nil {
        let move = JobMove(to: .queued, from: [.validating], message: "its photos are known")
        _ = try perform(move, on: id, in: db)
      }
      guard let job = try Self.find(id, in: db) else { throw StorageError.notFound("job \(id)") }
      let body = try answer(job)
      try idempotency?.insert(jobId: id, answer: body, createdAt: now, in: db)
      return .created(job, answer: body)
    }
    if case .created = creation { database.changes.announce(id) }
    return creation
  }

  private static func acceptance(_ draft: JobDraft, _ photos: Int) -> EventStore.Draft {
    switch (draft.retriedFrom, draft.clonedFrom) {
    case (let job?, _): .init(.jobCreated, "tries \(job) again", data: ["retried_from": job])
    case (_, let job?): .init(.jobCreated, "made from \(job)", data: ["cloned_from": job])
    default: .init(.jobCreated, "accepted with \(photos) pictures")
    }
  }

  private func insert(
    _ draft: JobDraft, id: String, datasetId: String, createdAt: Timestamp, in db: GRDB.Database
  ) throws {
    try db.execute(
      sql: """
        INSERT INTO jobs (id, kind, name, status, status_seq, attempt, max_attempts, epoch,
          priority, created_at, config, recipe, dataset_id, base_model_id, base_model_sha256,
          on_rejected_image, warnings, build, metadata, retried_from, cloned_from, init_from,
          resume_from, subject_images)
        VALUES (?, ?, ?, 'validating', 1, 1, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        id, draft.kind.rawValue, draft.name, draft.maxAttempts, draft.priority,
        createdAt.milliseconds, draft.config, try JSONColumn.text(draft.recipe), datasetId,
        draft.baseModel.id, draft.baseModel.sha256, draft.onRejectedImage.rawValue,
        try JSONColumn.text(draft.warnings), draft.build, try JSONColumn.text(draft.metadata),
        draft.retriedFrom, draft.clonedFrom,
        try JSONColumn.text(optional: draft.initFrom?.reference),
        try JSONColumn.text(optional: draft.resumeFrom?.reference),
        try JSONColumn.text(optional: draft.subjectImages),
      ])
  }

  package func find(_ id: String) async throws -> Job? {
    try await database.read("reading a job") { db in try Self.find(id, in: db) }
  }

  static func find(_ id: String, in db: GRDB.Database) throws -> Job? {
    try Row.fetchOne(db, sql: "SELECT * FROM jobs WHERE id = ?", arguments: [id])
      .map(Job.init(row:))
  }

  /// Takes the next queued job: highest priority first, then first come, first served. One statement
  /// sets it running and raises its epoch, so that nothing an older attempt does counts any more.
  ///
  /// - Parameter held: ids of jobs that are left alone
  ///
  /// A row that cannot be read fails, with the reason, instead of blocking those behind it.
  package func claim(except held: Set<String> = []) async throws -> Job? {
    let (claimed, unreadable) = try await database.write("claiming a job") { db in
      var unreadable: [String] = []
      while let row = try claimRow(held, in: db) {
        let id: String = row["id"]
        do {
          let job = try Job(row: row)
          let message = "attempt \(job.attempt) started"
          let data = ["epoch": "\(job.epoch)", "attempt": "\(job.attempt)"]
          try events.append(.init(.jobStarted, message, data: data), to: id, in: db)
          return (Job?.some(job), unreadable)
        } catch let error as StorageError {
          try quarantine(id, error, in: db)
          unreadable.append(id)
        }
      }
      return (nil, unreadable)
    }
    for id in unreadable + [claimed?.id].compactMap({ $0 }) { database.changes.announce(id) }
    return claimed
  }

  private func claimRow(_ held: Set<String>, in db: GRDB.Database) throws -> Row? {
    try Row.fetchOne(
      db,
      sql: """
        UPDATE jobs SET status = 'running', status_seq = status_seq + 1, epoch = epoch + 1,
          started_at = COALESCE(started_at, ?1), phase = NULL, waiting = NULL
        WHERE status = 'queued' AND ord = (
          SELECT ord FROM jobs WHERE status = 'queued' AND id NOT IN (SELECT value FROM json_each(?2))
          ORDER BY priority DESC, ord LIMIT 1)
        RETURNING *
        """,
      arguments: [time.now.milliseconds, try JSONColumn.text(held.sorted())])
  }

  private func quarantine(
    _ id: String, _ error: StorageError, in db: GRDB.Database
  ) throws {
    let failure = JobFailure(EngineError(.internalError, error.description))
    try db.execute(
      sql: """
        UPDATE jobs SET status = 'failed', status_seq = status_seq + 1, error = ?,
          finished_at = ? WHERE id = ? AND status = 'running'
        """,
      arguments: [try JSONColumn.text(failure), time.now.milliseconds, id])
    let event = EventStore.Draft(.jobFailed, failure.message, level: .error)
    try events.append(event, to: id, in: db)
  }

  /// Latest progress, without an event and without raising `statusSeq`.
  /// - Returns: `false` if the epoch has passed.
  package func recordProgress(
    _ fence: Fence, phase: WorkEvent.Phase?, progress: JobProgress
  ) async throws -> Bool {
    try await database.write("recording progress") { db in
      try db.execute(
        sql: "UPDATE jobs SET progress = ?, phase = ? WHERE id = ? AND \(Fence.condition)",
        arguments: [try JSONColumn.text(progress), phase?.rawValue, fence.jobId]
          + fence.arguments)
      return db.changesCount == 1
    }
  }

  /// A new phase, with its event.
  package func recordPhase(_ fence: Fence, _ phase: WorkEvent.Phase) async throws -> Bool {
    try await fencedUpdate(
      fence, "phase = ?", [phase.rawValue],
      event: .init(.jobPhaseChanged, phase.rawValue, data: ["phase": phase.rawValue]))
  }

  /// The token the engine chose.
  package func recordIdentifier(
    _ fence: Fence, _ identifier: JobIdentifier
  ) async throws -> Bool {
    try await fencedUpdate(fence, "identifier = ?", [try JSONColumn.text(identifier)], event: nil)
  }

  package func recordWarning(_ fence: Fence, _ warning: JobWarning) async throws -> Bool {
    var data = ["code": warning.code]
    data["param"] = warning.param
    // A later attempt says the same again.
    let text = try JSONColumn.text(warning)
    return try await fencedUpdate(
      fence,
      """
      warnings = CASE WHEN EXISTS (SELECT 1 FROM json_each(warnings) WHERE json(value) = json(?))
        THEN warnings ELSE json_insert(warnings, '$[#]', json(?)) END
      """, [text, text],
      event: .init(.jobWarning, warning.message, level: .warn, data: data))
  }

  /// A worker that says nothing: the warning, and no time of arrival any more.
  package func recordSilence(_ fence: Fence, _ warning: JobWarning) async throws -> Bool {
    try await fencedUpdate(
      fence,
      "progress = json_remove(progress, '$.eta'), warnings = json_insert(warnings, '$[#]', json(?))",
      [try JSONColumn.text(warning)],
      event: .init(.jobWarning, warning.message, level: .warn, data: ["code": warning.code]))
  }

  /// Why a job stays in `validating` for a while.
  package func recordWaiting(_ id: String, _ waiting: JobWaiting) async throws {
    try await database.write("noting why a job waits", .ballast) { db in
      try db.execute(
        sql: "UPDATE jobs SET waiting = ? WHERE id = ? AND status = 'validating'",
        arguments: [try JSONColumn.text(waiting), id])
      guard db.changesCount == 1 else { return }
      let event = EventStore.Draft(
        .jobWarning, waiting.message, level: .warn, data: ["code": waiting.code.rawValue])
      _ = try events.appendOnce(event, to: id, in: db)
    }
    database.changes.announce(id)
  }

  private func fencedUpdate(
    _ fence: Fence, _ assignment: String, _ values: StatementArguments, event: EventStore.Draft?
  ) async throws -> Bool {
    let changed: Bool = try await database.write("updating a job") { db in
      try db.execute(
        sql: "UPDATE jobs SET \(assignment) WHERE id = ? AND \(Fence.condition)",
        arguments: values + [fence.jobId] + fence.arguments)
      guard db.changesCount == 1 else { return false }
      if let event { try events.append(event, to: fence.jobId, in: db) }
      return true
    }
    if changed { database.changes.announce(fence.jobId) }
    return changed
  }
}

/// Who writes: an attempt of a job. What an older epoch writes changes no row.
package struct Fence: Sendable, Hashable {
  package let jobId: String
  package let epoch: Int

  package init(jobId: String, epoch: Int) {
    self.jobId = jobId
    self.epoch = epoch
  }

  /// For a row of `jobs` that this attempt may still write for.
  static let condition = "epoch = ? AND status IN ('running', 'pausing', 'cancelling')"
  var arguments: StatementArguments { [epoch] }

  /// Runs `body` if the attempt still holds the job.
  func guarding<Value>(
    in db: GRDB.Database, _ body: () throws -> Value
  ) throws -> Value? {
    let holds = try Bool.fetchOne(
      db, sql: "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ? AND \(Self.condition))",
      arguments: [jobId] + arguments)
    return holds == true ? try body() : nil
  }
}

extension Job {
  init(row: Row) throws {
    self.init(
      id: row["id"], kind: try row.choice("kind"), name: row["name"],
      status: try row.choice("status"), statusSeq: row["status_seq"],
      outcome: try row.optionalChoice("outcome"), phase: try row.optionalChoice("phase"),
      attempt: row["attempt"], maxAttempts: row["max_attempts"], epoch: row["epoch"],
      priority: row["priority"], createdAt: row.requiredTimestamp("created_at"),
      queuedAt: row.timestamp("queued_at"), startedAt: row.timestamp("started_at"),
      finishedAt: row.timestamp("finished_at"),
      progress: try JSONColumn.optional(row, "progress"), config: row["config"],
      recipe: try JSONColumn.value(row, "recipe"),
      identifier: try JSONColumn.optional(row, "identifier"), datasetId: row["dataset_id"],
      baseModel: BaseModelReference(id: row["base_model_id"], sha256: row["base_model_sha256"]),
      onRejectedImage: try row.choice("on_rejected_image"),
      warnings: try JSONColumn.value(row, "warnings"),
      error: try JSONColumn.optional(row, "error"), build: row["build"],
      metadata: try JSONColumn.value(row, "metadata"), retriedFrom: row["retried_from"],
      clonedFrom: row["cloned_from"], initFrom: try JSONColumn.optional(row, "init_from"),
      resumeFrom: try JSONColumn.optional(row, "resume_from"),
      subjectImages: try JSONColumn.optional(row, "subject_images"),
      waiting: try JSONColumn.optional(row, "waiting"))
  }
}
