package import Contract
import Foundation
import Glibc

/// Step metrics of a job: one line of JSON per step, appended. The lines are in step order and no step
/// is there twice, because a resumed attempt first cuts the file back to the step it goes on from.
///
/// Calls block for the disk: make them through `BlockingIO`.
package struct MetricLog: Sendable {
  private let folder: DataFolder

  package init(_ folder: DataFolder) { self.folder = folder }

  package func append(_ metrics: [StepMetrics], ofJob id: String) throws {
    guard !metrics.isEmpty else { return }
    var lines = Data()
    let encoder = ContractJSON.encoder()
    for line in metrics {
      lines.append(try encoder.encode(line))
      lines.append(0x0A)
    }
    let file = folder.metrics(ofJob: id)
    let descriptor = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileIO.error("opening the metric log") }
    defer { close(descriptor) }
    try FileIO.write(lines, to: descriptor, name: "the metric log")
  }

  /// Cuts the log back to the lines up to `step`, and drops a line torn by a crash.
  package func rewind(toStep step: Int, ofJob id: String) throws {
    let file = folder.metrics(ofJob: id)
    guard let data = FileManager.default.contents(atPath: file.path) else { return }
    var length = 0
    for line in Self.wholeLines(of: data) {
      guard let metrics = Self.decode(line), metrics.step <= step else { break }
      length = data.distance(from: data.startIndex, to: line.endIndex) + 1
    }
    guard truncate(file.path, off_t(length)) == 0 else {
      throw FileIO.error("cutting the metric log back")
    }
  }

  /// - Parameters:
  ///   - sinceStep: only steps above it
  ///   - stride: only steps that are multiples of it
  package func read(
    ofJob id: String, sinceStep: Int = 0, stride: Int = 1, limit: Int = 1000
  ) throws -> Page<StepMetrics> {
    let file = folder.metrics(ofJob: id)
    guard let data = FileManager.default.contents(atPath: file.path) else {
      return Page(items: [], hasMore: false)
    }
    var found: [StepMetrics] = []
    for line in Self.wholeLines(of: data) {
      guard let metrics = Self.decode(line) else { break }
      guard metrics.step > sinceStep, metrics.step.isMultiple(of: max(1, stride)) else { continue }
      if found.count == limit { return Page(items: found, hasMore: true) }
      found.append(metrics)
    }
    return Page(items: found, hasMore: false)
  }

  /// Lines that end in LF; a crash can leave one more without.
  private static func wholeLines(of data: Data) -> [Data] {
    guard let end = data.lastIndex(of: 0x0A) else { return [] }
    return data[data.startIndex..<end].split(separator: 0x0A)
  }

  private static func decode(_ line: Data) -> StepMetrics? {
    try? ContractJSON.decoder().decode(StepMetrics.self, from: line)
  }
}
