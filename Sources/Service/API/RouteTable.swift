package import HTTP

/// Every operation of the service, in one list. It equals `openapi.yaml`, by test.
package enum RouteTable {
  package static func routes(_ context: APIContext) -> [Route] {
    let jobs = JobsController(context)
    let creation = JobCreationController(context)
    let derivation = JobDerivationController(context)
    let actions = JobActionsController(context)
    let events = EventsController(context)
    let metrics = JobMetricsController(context)
    let logs = LogsController(context)
    let samples = SamplesController(context)
    let checkpoints = CheckpointsController(context)
    let reports = ReportsController(context)
    let artifacts = ArtifactsController(context)
    let datasets = DatasetsController(context)
    let models = BaseModelsController(context)
    let identifiers = IdentifiersController(context)
    let capabilities = CapabilitiesController(context)
    let health = HealthController(context)
    let job = "/v1/jobs/{id}"
    return [
      Route("createJob", "POST", "/v1/jobs", .write, creation.create),
      Route("listJobs", "GET", "/v1/jobs", .read, jobs.list),
      Route("getJob", "GET", job, .read, jobs.get),
      Route("getRecipe", "GET", "\(job)/recipe", .read, jobs.recipe),
      Route("cancelJob", "POST", "\(job)/cancel", .write, actions.cancel),
      Route("retryJob", "POST", "\(job)/retry", .write, derivation.retry),
      Route("cloneJob", "POST", "\(job)/clone", .write, derivation.clone),
      Route("listEvents", "GET", "\(job)/events", .read, events.list),
      Route("listMetrics", "GET", "\(job)/metrics", .read, metrics.list),
      Route("getLog", "GET", "\(job)/logs", .read, logs.get),
      Route("listSamples", "GET", "\(job)/samples", .read, samples.list),
      Route("getSampleGrid", "GET", "\(job)/samples/grid.png", .read, samples.grid),
      Route("getSample", "GET", "\(job)/samples/{sid}", .read, samples.get),
      Route("listCheckpoints", "GET", "\(job)/checkpoints", .read, checkpoints.list),
      Route("listReports", "GET", "\(job)/reports", .read, reports.list),
      Route("getReport", "GET", "\(job)/reports/{rid}", .read, reports.get),
      Route("getReportPNG", "GET", "\(job)/reports/{rid}/report.png", .read, reports.png),
      Route("listArtifacts", "GET", "\(job)/artifacts", .read, artifacts.list),
      Route("getArtifact", "GET", "\(job)/artifacts/{aid}", .read, artifacts.get),
      Route(
        "getArtifactFile", "GET", "\(job)/artifacts/{aid}/files/{name+}", .read, artifacts.file),
      Route("getDataset", "GET", "/v1/datasets/{id}", .read, datasets.get),
      Route(
        "getDatasetImage", "GET", "/v1/datasets/{id}/images/{img}/content", .read, datasets.content),
      Route("listBaseModels", "GET", "/v1/base_models", .read, models.list),
      Route("getBaseModel", "GET", "/v1/base_models/{id}", .read, models.get),
      Route(
        "listIdentifiers", "GET", "/v1/base_models/{id}/identifiers", .read, identifiers.list),
      Route(
        "getIdentifierPicture", "GET", "/v1/base_models/{id}/identifiers/{survey}/{name}", .read,
        identifiers.picture),
      Route("getCapabilities", "GET", "/v1/capabilities", .read, capabilities.get),
      Route("getQueue", "GET", "/v1/queue", .read, capabilities.queue),
      Route("getHealth", "GET", "/healthz", .open, health.alive),
      Route("getReadiness", "GET", "/readyz", .open, health.ready),
      Route("getMetrics", "GET", "/metrics", .read, health.metrics),
      Route("getOpenAPI", "GET", "/openapi.json", .open, health.openAPI),
      Route("getProblem", "GET", "/problems/{code}", .open, health.problem),
    ]
  }
}
