import Contract
import Foundation
import Storage

/// A worker as a shell script that speaks the protocol: the order comes as a line on stdin, messages go
/// to descriptor 3. It works in the attempt's folder.
struct WorkerScript {
  private var lines = ["read -r order", "echo \"$$\" > pid"]

  func appending(_ line: String) -> WorkerScript {
    var copy = self
    copy.lines.append(line)
    return copy
  }

  func keepingOrder() -> WorkerScript { appending("printf '%s' \"$order\" > order.json") }

  /// What attempts after the first do in place of what follows.
  func later(_ script: WorkerScript) -> WorkerScript {
    appending("case \"$order\" in *'\"epoch\":1,'*) :;; *)")
      .appending(script.lines.dropFirst(2).joined(separator: "\n"))
      .appending("exit 0;; esac")
  }

  func saying(_ event: WorkEvent) throws -> WorkerScript { try saying(.event(event)) }

  func saying(_ message: WorkerMessage) throws -> WorkerScript {
    let line = String(decoding: try EventLine.encode(message), as: UTF8.self)
      .trimmingCharacters(in: .newlines)
    return appending("printf '%s\\n' '\(line)' >&3")
  }

  func started(resumedStep: Int = 0) throws -> WorkerScript {
    try saying(
      .started(
        .init(
          identifier: "xjy", identifierTokens: [48136], identifierSource: "auto", baseHash: "b",
          totalSteps: 10, resumedStep: resumedStep, parameters: 1, trainedParameters: 1,
          instructionSet: "avx2", threads: 1)))
  }

  func step(_ step: Int) throws -> WorkerScript {
    try saying(
      .step(
        StepMetrics(
          step: step, totalSteps: 10, loss: 0.3, instanceLoss: 0.2, priorLoss: 0.1,
          gradientNorm: 1, learningRate: 1e-5, seconds: 0.01)))
  }

  /// Writes a checkpoint with its manifest and announces it.
  func checkpoint(_ step: Int) throws -> WorkerScript {
    let folder = "step-00000\(step)"
    let weights = "weights of step \(step)"
    let digest = FileHash.sha256(Data(weights.utf8))
    let manifest =
      #"{"files":[{"bytes":\#(weights.utf8.count),"name":"weights","sha256":"\#(digest)"}]}"#
    return try appending("mkdir -p \(folder)")
      .appending("printf '%s' '\(weights)' > \(folder)/weights")
      .appending("printf '%s' '\(manifest)' > \(folder)/manifest.json")
      .saying(
        .checkpoint(
          .init(
            step: step, folder: folder, manifestSha256: FileHash.sha256(Data(manifest.utf8)))))
  }

  func sample(_ step: Int) throws -> WorkerScript {
    try appending("printf png > sample-\(step).png")
      .saying(
        .sample(
          .init(
            step: step, promptIndex: 0, prompt: "a xjy dog", seed: 7, file: "sample-\(step).png",
            width: 64, height: 64)))
  }

  /// Writes an export and announces it as the result.
  func finished(
    _ content: String = "tuned", announcing announced: String? = nil
  ) throws -> WorkerScript {
    let digest = FileHash.sha256(Data((announced ?? content).utf8))
    return try appending("mkdir -p export/unet; printf '%s' '\(content)' > export/unet/weights")
      .saying(
        .finished(
          .init(artifacts: [
            .init(
              format: "diffusers", folder: "export",
              files: [.init(name: "unet/weights", bytes: content.utf8.count, sha256: digest)])
          ])))
  }

  func write(for fixture: JobsFixture) throws {
    let text = lines.joined(separator: "\n") + "\n"
    try Data(text.utf8).write(to: fixture.root.appending(path: "worker.sh"))
  }
}
