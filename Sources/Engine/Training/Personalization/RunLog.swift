import Contract
import Foundation

/// What a run remembers beside its weights, so that the report covers all of its attempts: kept in each checkpoint.
struct RunLog: Codable {
  var losses: [WorkReport.LossPoint] = []
  /// Seconds per phase.
  var phaseSeconds: [String: Double] = [:]
  /// Previews so far, as their events said; their files lie beside this one.
  var samples: [WorkEvent.Sample] = []
  var evaluation: [WorkReport.Evaluation.Row] = []

  static let fileName = "log.json"

  init() {}

  init(contentsOf file: URL) throws {
    self = try ContractJSON.decoder().decode(RunLog.self, from: Data(contentsOf: file))
  }

  var data: Data { get throws { try ContractJSON.encoder().encode(self) } }
}
