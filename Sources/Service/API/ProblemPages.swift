import HTTP

/// `/problems/<code>`: what a problem means and what to do about it.
enum ProblemPages {
  static let kinds = Problem.Kind.raisedByHTTP + Problem.Kind.raisedByAPI

  static func page(_ code: String) -> String? {
    guard let kind = kinds.first(where: { $0.code == code }), let advice = advice[code] else {
      return nil
    }
    return "\(kind.title)\n\nStatus \(kind.status), code \(kind.code).\n\n\(advice)\n"
  }

  static let advice: [String: String] = [
    "malformed_request": "The request breaks the rules of HTTP/1.1; `detail` says which one.",
    "invalid_parameter": "A query parameter is unknown, repeated or out of range; see `errors`.",
    "malformed_multipart": "The body is not multipart/form-data as RFC 7578 has it.",
    "malformed_json": "The JSON is broken, nested too deeply, or names a member twice.",
    "unauthorized": "Send `Authorization: Bearer KEY` with a key that the service knows.",
    "forbidden": "The key may only read, or a page of another origin has sent the request.",
    "not_found": "No such path, or no resource with this id.",
    "method_not_allowed": "The path answers other methods; `Allow` lists them.",
    "not_acceptable": "`Accept` leaves out every media type that the resource has.",
    "request_timeout":
      "Header fields or body came too slowly; send faster, or in smaller requests.",
    "illegal_transition":
      "The job's status does not allow this; `current_status` holds it. Final jobs stay as they are.",
    "idempotency_in_flight":
      "The first request with this Idempotency-Key is not answered yet; ask again after Retry-After.",
    "idempotency_key_reused":
      "This Idempotency-Key belongs to a request with another body; a new request needs a new key.",
    "body_too_large": "The body, one of its parts, or one file is larger than allowed.",
    "precondition_failed":
      "The file is not the one that If-Match names; its ETag tells which it is.",
    "target_too_long": "The request line is limited; send long values in a body.",
    "unsupported_media_type": "The operation takes another Content-Type; `detail` says which one.",
    "range_not_satisfiable": "The range begins behind the end; Content-Range holds the size.",
    "expectation_failed": "The only expectation that is met is `100-continue`.",
    "misdirected_request":
      "Without API keys only loopback host names are served, which keeps web pages out.",
    "invalid_request":
      "Fields are missing, unknown or out of range. `errors` has one entry per fault: a JSON Pointer, "
      + "a code, a sentence, and what is allowed.",
    "will_not_fit": "Weights and optimizer of this base model need more memory than there is.",
    "identifiers_failed":
      "The base model could not be asked about these words; `detail` has its reason. The next request "
      + "tries again.",
    "queue_full": "The queue is full; send again after Retry-After.",
    "too_many_dry_runs": "Too many dry runs are under way; send again after Retry-After.",
    "too_many_pixels":
      "The pictures of a request have too many pixels together; `limit` says how many are allowed.",
    "headers_too_large": "Header fields are limited in number and size.",
    "internal": "A fault of the service. Its log holds the request id of the answer.",
    "outcome_unknown":
      "The disk failed in the middle. The service restarts; the same request with the same "
      + "Idempotency-Key gets the true answer.",
    "not_implemented": "The request uses a part of HTTP that the service does not speak.",
    "draining": "The service is stopping, or just starting again; send again after Retry-After.",
    "too_many_connections":
      "The service, or your address, has as many connections open as it may. Close some, or try again after Retry-After.",
    "file_damaged":
      "The file is missing or is not what was stored: `detail` says which one and what to do. It is "
      + "not sent, and the job's events say so.",
    "storage_unavailable":
      "A file cannot be read now, or the machine has no files or memory left for a moment. Nothing was "
      + "changed; send the same again after `Retry-After` seconds.",
    "not_ready": "Every job would be refused now; `detail` says why.",
    "storage_full": "Too little disk space is left. Free some and send again.",
  ]
}
