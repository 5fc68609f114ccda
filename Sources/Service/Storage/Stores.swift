/// Every store over one database and one data folder.
package struct Stores: Sendable {
  package let folder: DataFolder
  package let database: Database
  package let time: any TimeSource
  package let ids: Identifiers
  package let events: EventStore
  package let jobs: JobStore
  package let datasets: DatasetStore
  package let checkpoints: CheckpointStore
  package let samples: SampleStore
  package let reports: ReportStore
  package let artifacts: ArtifactStore
  package let idempotency: IdempotencyKeys
  package let blobs: BlobFolder
  package let files: StoredFiles
  package let metrics: MetricLog

  package init(_ folder: DataFolder, _ database: Database, time: any TimeSource) {
    self.folder = folder
    self.database = database
    self.time = time
    ids = Identifiers(time: time)
    events = EventStore(database, ids: ids, time: time)
    jobs = JobStore(database, ids: ids, time: time, events: events)
    datasets = DatasetStore(database, jobs: jobs)
    checkpoints = CheckpointStore(database, jobs: jobs)
    samples = SampleStore(database, jobs: jobs)
    reports = ReportStore(database, jobs: jobs)
    artifacts = ArtifactStore(database, jobs: jobs)
    idempotency = IdempotencyKeys(database)
    blobs = BlobFolder(folder.blobs)
    files = StoredFiles(database, events: events)
    metrics = MetricLog(folder)
  }
}
