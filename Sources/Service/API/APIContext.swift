package import Foundation
package import HTTP
package import Jobs
package import Storage

/// What the handlers work with; made once by whoever starts the service.
package struct APIContext: Sendable {
  package var queue: JobQueue
  package var shelf: ModelShelf
  package var build: String
  package var engine: Capabilities.Engine
  package var limits: ServerLimits
  /// The published contract as JSON.
  package var openAPI: Data
  /// The figures for `/metrics` beyond the queue's, as Prometheus text.
  package var metricsText: @Sendable () -> String
  /// Bytes of memory that a job may use.
  package var memory: Int

  package init(
    queue: JobQueue, shelf: ModelShelf, build: String, engine: Capabilities.Engine,
    limits: ServerLimits, openAPI: Data, memory: Int,
    metricsText: @escaping @Sendable () -> String = { "" }
  ) {
    self.queue = queue
    self.shelf = shelf
    self.build = build
    self.engine = engine
    self.limits = limits
    self.openAPI = openAPI
    self.memory = memory
    self.metricsText = metricsText
  }

  var stores: Stores { queue.stores }

  /// The job of the request's `{id}`; what has not the form of an id is not looked for.
  func job(_ request: Request) async throws -> Job {
    let id = request.parameter("id")
    guard Identifiers.isValid(id, .job), let job = try await stores.jobs.find(id) else {
      throw Problem(.notFound, "there is no job \(id.prefix(64))")
    }
    return job
  }

  func payload(_ job: Job) async throws -> JobPayload {
    let dataset = try await stores.datasets.find(job.datasetId)
    let position =
      job.status == .queued ? try await stores.jobs.queuePosition(job.id) : nil
    return JobPayload(
      job, images: dataset?.photos.count ?? 0, datasetSha256: dataset?.sha256,
      queuePosition: position)
  }
}
