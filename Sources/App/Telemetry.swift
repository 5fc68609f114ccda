import Foundation
import HTTP
import Logging
import Synchronization

/// Logs to standard error, and what `/metrics` shows of the HTTP side.
final class Telemetry: Sendable {
  private struct Series: Hashable {
    var operation: String
    var status: Int
  }

  private struct Figures {
    var requests: [Series: Int] = [:]
    var seconds: [String: Double] = [:]
  }

  private let figures = Mutex(Figures())
  private let log = Logger(label: "http")
  private let started = Date()

  static func bootstrap(level: String) {
    let level = Logger.Level(rawValue: level) ?? .info
    LoggingSystem.bootstrap { label in
      var handler = StreamLogHandler.standardError(label: label)
      handler.logLevel = level
      return handler
    }
  }

  func record(_ exchange: Server.Exchange) {
    let operation = exchange.operationID ?? "none"
    figures.withLock { figures in
      figures.requests[Series(operation: operation, status: exchange.status), default: 0] += 1
      figures.seconds[operation, default: 0] += exchange.seconds
    }
    log.debug(
      "request",
      metadata: [
        "id": "\(exchange.requestID)", "operation": "\(operation)", "status": "\(exchange.status)",
        "ms": "\(Int(exchange.seconds * 1000))",
      ])
  }

  /// Prometheus text (exposition format 0.0.4).
  func prometheus() -> String {
    let figures = figures.withLock { $0 }
    var text = """
      # HELP dreambooth_http_requests_total Requests answered, by operation and status.
      # TYPE dreambooth_http_requests_total counter

      """
    for (series, count) in figures.requests.sorted(by: {
      ($0.key.operation, $0.key.status) < ($1.key.operation, $1.key.status)
    }) {
      text += "dreambooth_http_requests_total{operation=\"\(series.operation)\","
      text += "status=\"\(series.status)\"} \(count)\n"
    }
    text += """
      # HELP dreambooth_http_seconds_total Time spent on answers, by operation.
      # TYPE dreambooth_http_seconds_total counter

      """
    for (operation, seconds) in figures.seconds.sorted(by: { $0.key < $1.key }) {
      text += "dreambooth_http_seconds_total{operation=\"\(operation)\"} \(seconds)\n"
    }
    text += """
      # HELP dreambooth_uptime_seconds Time since the start of the service.
      # TYPE dreambooth_uptime_seconds gauge
      dreambooth_uptime_seconds \(Int(Date().timeIntervalSince(started)))

      """
    return text
  }
}
