import Contract
import Foundation

/// Shows a run: a bar with the time left on a terminal, one line per event elsewhere, JSON if asked.
final class ProgressPrinter {
  private let json: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var started = ContinuousClock.now
  private var label = ""
  private var first = 0
  private var hasBar = false

  init(json: Bool) { self.json = json }

  func show(_ event: WorkEvent) {
    if json {
      if let line = try? ContractJSON.encoder().encode(event) {
        FileHandle.standardOutput.write(line + Data("\n".utf8))
      }
      return
    }
    switch event {
    case .started(let start):
      say(
        "identifier \"\(start.identifier)\", \(start.trainedParameters) of \(start.parameters) "
          + "parameters train, \(start.threads) threads, \(start.instructionSet)"
          + (start.resumedStep > 0 ? ", resumed after step \(start.resumedStep)" : ""))
    case .phase(let phase): if !isTerminal { say(phase.rawValue.replacing("_", with: " ")) }
    case .progress(let phase, let done, let total):
      bar(phase.rawValue.replacing("_", with: " "), done, total, "")
    case .step(let metrics):
      let prior = metrics.priorLoss.map { String(format: ", prior %.4f", $0) } ?? ""
      let loss = String(format: "loss %.4f", metrics.instanceLoss) + prior
      if isTerminal {
        bar("training", metrics.step, metrics.totalSteps, loss)
      } else {
        say("step \(metrics.step)/\(metrics.totalSteps) \(loss)")
      }
    case .checkpoint(let checkpoint): say("checkpoint \(checkpoint.folder)")
    case .sample(let sample): say("sample \(sample.file)")
    case .report(let report): say("report \(report.files.joined(separator: ", "))")
    case .warning(_, _, let message): say("warning: \(message)")
    case .finished(let finished):
      say("finished: \(finished.artifacts.map(\.folder).joined(separator: ", "))")
    }
  }

  /// - Parameter note: shown behind the time
  func bar(_ name: String, _ done: Int, _ total: Int, _ note: String) {
    guard isTerminal, !json else { return }
    if name != label { (label, started, first) = (name, .now, max(done - 1, 0)) }
    let width = 30
    let filled = total > 0 ? width * done / total : 0
    let elapsed = Double((ContinuousClock.now - started).components.seconds)
    let left = done > first ? Int(elapsed / Double(done - first) * Double(total - done)) : 0
    let cells =
      String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    write("\r\u{1B}[K\(name) [\(cells)] \(done)/\(total) \(left) s left \(note)")
    hasBar = true
    if done >= total { endBar() }
  }

  func say(_ line: String) {
    endBar()
    write(line + "\n")
  }

  private func endBar() {
    if hasBar { write("\n") }
    hasBar = false
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
