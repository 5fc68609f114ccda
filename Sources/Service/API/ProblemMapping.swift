import Contract
package import HTTP
import Jobs
import Storage

/// The problems of the API beside those of the HTTP layer.
extension Problem.Kind {
  static let malformedJSON = Self(400, "malformed_json", "Malformed JSON")
  static let invalidRequest = Self(422, "invalid_request", "Request not acceptable")
  static let willNotFit = Self(422, "will_not_fit", "Job does not fit this machine")
  static let idempotencyKeyReused = Self(
    422, "idempotency_key_reused", "Idempotency key used for another request")
  static let idempotencyInFlight = Self(
    409, "idempotency_in_flight", "Same request in progress")
  static let illegalTransition = Self(409, "illegal_transition", "Not possible in this status")
  static let notAcceptable = Self(406, "not_acceptable", "Media type not offered")
  static let identifiersFailed = Self(
    500, "identifiers_failed", "Words could not be looked at")
  static let queueFull = Self(429, "queue_full", "Queue is full")
  static let tooManyDryRuns = Self(429, "too_many_dry_runs", "Too many dry runs")
  static let tooManyPixels = Self(422, "too_many_pixels", "Too many pixels")
  static let notReady = Self(503, "not_ready", "No job could be taken now")
  static let fileDamaged = Self(500, "file_damaged", "Stored file is damaged")
  static let storageUnavailable = Self(
    503, "storage_unavailable", "Storage cannot be read or used now")
  static let outcomeUnknown = Self(
    500, "outcome_unknown", "Storage failed, outcome unknown")

  static let raisedByAPI: [Self] = [
    .malformedJSON, .invalidRequest, .willNotFit, .idempotencyKeyReused, .idempotencyInFlight,
    .illegalTransition, .notAcceptable, .identifiersFailed, .queueFull, .notReady,
    .tooManyDryRuns, .tooManyPixels,
    .fileDamaged, .storageUnavailable, .outcomeUnknown,
  ]
}

/// The one place where errors of queue and storage become status codes.
package enum ProblemMapping {
  /// - Returns: `nil` for errors that say nothing to a client: an internal error.
  package static func problem(_ error: any Error) -> Problem? {
    switch error {
    case let error as JobError: problem(error)
    case let error as StorageError: problem(error)
    default: nil
    }
  }

  private static func problem(_ error: JobError) -> Problem? {
    switch error {
    case .notFound: Problem(.notFound, error.description)
    case .final(_, let status):
      Problem(
        .illegalTransition, error.description,
        members: ["current_status": .string(status.rawValue)])
    case .notFinal(_, let status), .photosUnavailable(_, let status):
      Problem(
        .illegalTransition, error.description,
        members: ["current_status": .string(status.rawValue)])
    case .draining: Problem(.draining, error.description, headers: ["Retry-After": "10"])
    case .queueFull(let limit):
      Problem(
        .queueFull, error.description, members: ["limit": .integer(limit)],
        headers: ["Retry-After": "60"])
    case .tooManyDryRuns(let limit):
      Problem(
        .tooManyDryRuns, error.description, members: ["limit": .integer(limit)],
        headers: ["Retry-After": "5"])
    case .tooManyPixels(let limit):
      Problem(
        .tooManyPixels, error.description, members: ["limit": .integer(limit)])
    case .diskLow: Problem(.storageFull, error.description, headers: ["Retry-After": "60"])
    case .notWritable: Problem(.notReady, error.description, headers: ["Retry-After": "60"])
    case .spawn where error.isPassing:
      Problem(.storageUnavailable, error.description, headers: ["Retry-After": "10"])
    case .spawn, .artifactMismatch: nil
    }
  }

  private static func problem(_ error: StorageError) -> Problem? {
    switch error {
    case .diskFull:
      Problem(
        .storageFull, "no space is left for this; free some and try again",
        headers: ["Retry-After": "60"])
    case .damaged: Problem(.fileDamaged, error.description)
    case .shortage, .unreadable:
      Problem(.storageUnavailable, error.description, headers: ["Retry-After": "10"])
    case .notFound(let what): Problem(.notFound, "\(what) does not exist")
    case .io:
      Problem(
        .outcomeUnknown,
        "whether the request was carried out is not known; the service restarts, and the same "
          + "request with the same Idempotency-Key gets the true answer",
        headers: ["Retry-After": "5"])
    default: nil
    }
  }
}
