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
    let descriptor = FileIO.open(file, O_WRONLY | O_CREAT | O_APPEND)
    guard descriptor >= 0 else { throw FileIO.error("opening the metric log") }
    defer { close(descriptor) }
    let end = lseek(descriptor, 0, SEEK_END)
    do { try FileIO.write(lines, to: descriptor, of: file) } catch {
      // Half of it would stand twice, or torn, once it is written again.
      ftruncate(descriptor, end)
      throw error
    }
  }

  /// Cuts the log back to the lines up to `step`, and drops a line torn by a crash.
  package func rewind(toStep step: Int, ofJob id: String) throws {
    let file = folder.metrics(ofJob: id)
    guard let lines = try LineFile(file) else { return }
    let end = try lines.firstLine { (Self.decode($0)?.step ?? .max) > step }
    guard truncate(file.path, off_t(end)) == 0 else {
      throw FileIO.error("cutting the metric log back")
    }
  }

  /// Reads no more of the log than the answer needs, however long the job has run.
  ///
  /// - Parameters:
  ///   - sinceStep: only steps above it
  ///   - stride: only steps that are multiples of it
  package func read(
    ofJob id: String, sinceStep: Int = 0, stride: Int = 1, limit: Int = 1000
  ) throws -> Page<StepMetrics> {
    guard let lines = try LineFile(folder.metrics(ofJob: id)) else {
      return Page(items: [], hasMore: false)
    }
    let stride = max(1, stride)
    var found: [StepMetrics] = []
    // A wide stride skips from hit to hit; a narrow one reads on.
    var offset = try lines.firstLine { (Self.decode($0)?.step ?? .max) > sinceStep }
    while let (line, next) = try lines.line(at: offset), let metrics = Self.decode(line) {
      offset = next
      if metrics.step.isMultiple(of: stride) {
        if found.count == limit { return Page(items: found, hasMore: true) }
        found.append(metrics)
      }
      if stride > Self.readOn {
        let wanted = (metrics.step / stride + 1) * stride
        offset = try lines.firstLine(from: offset) { (Self.decode($0)?.step ?? .max) >= wanted }
      }
    }
    return Page(items: found, hasMore: false)
  }

  /// Lines that are sooner read than searched for.
  private static let readOn = 64

  private static func decode(_ line: Data) -> StepMetrics? {
    try? ContractJSON.decoder().decode(StepMetrics.self, from: line)
  }
}
