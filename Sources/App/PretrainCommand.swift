import ArgumentParser
import Foundation
import Toybox

/// Makes the starter model: autoencoder, text and picture encoders, denoiser, then the folders of `models`.
struct PretrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pretrain",
    abstract: "Trains the starter models from Toybox.",
    discussion: """
      DIR keeps checkpoints, finished parts and sample sheets, and gets the models at the end. A run
      that was stopped goes on with --resume and ends with the same bits.
      """)

  @Option(help: "The folder that is worked in.")
  var output: String
  @Option(
    help: "autoencoder, text-image, denoiser, export or all; finished stages are passed over.")
  var stage = "all"
  @Flag(help: "Go on in a folder that holds an earlier run.")
  var resume = false
  @Option(help: "Stop with a checkpoint after this many minutes.")
  var minutes: Double?
  @Option(help: "Steps of the stage named by --stage, in the place of the plan's.")
  var steps: Int?
  @Option(help: "Seed of weights, pictures and noise.")
  var seed: UInt64 = StarterPlan().seed

  func validate() throws {
    guard stage == "all" || StarterPretraining.Stage(rawValue: stage) != nil else {
      let names = StarterPretraining.Stage.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--stage \(stage): the stages are \(names) and all")
    }
    if let minutes, !(minutes > 0) {
      throw ValidationError("--minutes \(minutes): a time above 0 is needed")
    }
    if let steps {
      guard (1...10_000_000).contains(steps) else {
        throw ValidationError("--steps \(steps): 1 to 10000000 steps are possible")
      }
      guard stage != "all" && stage != "export" else {
        throw ValidationError("--steps belongs to one stage; name it with --stage")
      }
    }
  }

  func run() throws {
    let folder = URL(fileURLWithPath: output, isDirectory: true)
    let holdsWork = FileManager.default.fileExists(
      atPath: folder.appendingPathComponent("checkpoints").path)
    if holdsWork && !resume {
      throw UsageError(
        "--output \(output) holds an earlier run: add --resume, or name a new folder")
    }
    let start = ContinuousClock.now
    let workshop = StarterWorkshop(folder: folder, plan: plan, minutes: minutes) { line in
      let seconds = Int((ContinuousClock.now - start).components.seconds)
      FileHandle.standardOutput.write(Data("\(seconds) s  \(line)\n".utf8))
    }
    let named = StarterPretraining.Stage(rawValue: stage)
    let stages = named.map { [$0] } ?? StarterPretraining.Stage.allCases
    if let unfinished = try StarterPretraining(workshop).run(Set(stages)) {
      print("stopped in \(unfinished.rawValue); go on with --resume")
    }
  }

  private var plan: StarterPlan {
    var plan = StarterPlan()
    plan.seed = seed
    guard let steps else { return plan }
    switch StarterPretraining.Stage(rawValue: stage) {
    case .autoencoder: plan.autoencoder.steps = steps
    case .textImage: plan.textImage.steps = steps
    case .encoders: plan.encoders.steps = steps
    case .denoiser: plan.denoiser.steps = steps
    case .export, nil: break
    }
    return plan
  }
}
