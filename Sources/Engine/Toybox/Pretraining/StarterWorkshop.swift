package import Foundation
import Imaging
import Training
import Weights

/// The folder in which a starter is made, and what its stages share: plan, clock and reports.
///
///     checkpoints/<stage>/step-000250   to go on from
///     parts/<stage>.safetensors         finished weights of a stage, averaged
///     sheets/<stage>-000500.png         what the model can do so far
package struct StarterWorkshop {
  package let folder: URL
  package let plan: StarterPlan
  let log: (String) -> Void
  private let deadline: ContinuousClock.Instant?

  /// - Parameters:
  ///   - minutes: time after which a stage writes a checkpoint and stops; nil for none
  ///   - log: takes one line of progress
  package init(
    folder: URL, plan: StarterPlan, minutes: Double? = nil, log: @escaping (String) -> Void
  ) {
    self.folder = folder
    self.plan = plan
    self.log = log
    deadline = minutes.map { ContinuousClock.now + .seconds($0 * 60) }
  }

  var isOver: Bool { deadline.map { ContinuousClock.now >= $0 } ?? false }

  func checkpoints(of stage: String) -> URL {
    folder.appendingPathComponent("checkpoints/\(stage)", isDirectory: true)
  }

  func part(_ stage: String) -> URL {
    folder.appendingPathComponent("parts/\(stage).safetensors")
  }

  /// Whether a stage's weights are there and belong to this plan's seed and sizes.
  func isDone(_ stage: String) throws -> Bool {
    guard FileManager.default.fileExists(atPath: part(stage).path) else { return false }
    let found = try SafetensorsFile(part(stage)).metadata[Self.modelField]
    let wanted = try modelIdentity
    guard found == wanted else {
      throw TrainingError.resumeIncompatible(
        field: Self.modelField, checkpoint: found ?? "none", run: wanted)
    }
    return true
  }

  /// Keeps the weights of a finished stage.
  func save(_ parameters: ParameterList, as stage: String) throws {
    try parameters.save(to: newPart(stage), metadata: partMetadata)
  }

  func newPart(_ name: String) throws -> URL {
    let url = part(name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    return url
  }

  var partMetadata: [String: String] {
    get throws { ["format": "pt", Self.modelField: try modelIdentity] }
  }

  func ledger(of stage: String) throws -> WeightLedger {
    WeightLedger(file: try SafetensorsFile(part(stage)))
  }

  /// What a checkpoint of a stage must have been written with to be taken up again.
  func identity(of stage: StarterPlan.Stage) throws -> Checkpoint.Identity {
    [Self.modelField: try modelIdentity, "stage": try Self.digest(stage)]
  }

  private static let modelField = "starter"

  private var modelIdentity: String {
    get throws { "\(plan.seed)-\(try Self.digest(plan.sizes))" }
  }

  private static func digest(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return FileDigest.sha256(try encoder.encode(value))
  }

  /// Writes a sheet of pictures.
  func show(_ rows: [[PixelBuffer]], labels: [String] = [], as name: String) throws {
    let url = folder.appendingPathComponent("sheets/\(name).png")
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    let sheet = ImageGrid.draw(rows, rowLabels: labels)
    try Data(PNGEncoder.encode(sheet)).write(to: url)
  }
}
