import Foundation

/// The stored events. Progress and metrics are not among them: their lasting form is the metric log.
package enum EventType: String, Codable, Sendable, CaseIterable {
  case jobCreated = "job.created"
  case jobQueued = "job.queued"
  case jobStarted = "job.started"
  case jobPhaseChanged = "job.phase_changed"
  case jobWarning = "job.warning"
  case jobPausing = "job.pausing"
  case jobPaused = "job.paused"
  case jobRecovered = "job.recovered"
  case jobCancelling = "job.cancelling"
  case jobSucceeded = "job.succeeded"
  case jobFailed = "job.failed"
  case jobCancelled = "job.cancelled"
  case checkpointCreated = "checkpoint.created"
  case sampleCreated = "sample.created"
  case reportCreated = "report.created"
  case artifactReady = "artifact.ready"
  case imageRejected = "dataset.image_rejected"
}

/// One thing that happened to a job. `seq` has no gaps within a job and ascends with time.
package struct Event: Codable, Equatable, Sendable {
  package enum Level: String, Codable, Sendable { case info, warn, error }

  package var id: String
  package var seq: Int
  package var jobId: String
  package var statusSeq: Int
  package var createdAt: Timestamp
  package var type: EventType
  package var level: Level
  package var message: String
  /// Ids and plain facts; numbers are written in decimal.
  package var data: [String: String]
}
