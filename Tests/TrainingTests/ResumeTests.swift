import Contract
import Foundation
import TestSupport
import Testing
import Training
import Weights

/// A run that was interrupted ends in the same bits as one that was not.
@Suite struct ResumeTests {
  @Test(arguments: [
    "plain", "average and accumulation", "text encoder", "no prior", "bf16", "batch of two, flips",
  ])
  func `P5 four steps equal two plus two, bit for bit`(kind: String) throws {
    let run = try TinyRun {
      switch kind {
      case "average and accumulation":
        ($0.training.emaDecay, $0.training.gradientAccumulation) = (0.9, 2)
      case "text encoder": $0.trainTextEncoder = true
      case "no prior": $0.prior.enabled = false
      case "bf16": $0.training.precision = .bf16
      case "batch of two, flips": ($0.training.batchSize, $0.training.flip) = (2, true)
      default: break
      }
    }
    let whole = try run.run(epoch: 1)
    #expect(try run.run(epoch: 2, TinyRun.at(2, .suspend)) == nil)
    let resumed = try run.run(epoch: 3, resumeFrom: run.attempt(2, "step-000002"))
    #expect(run.steps.map(\.step) == [3, 4])
    #expect(TinyRun.digests(resumed) == TinyRun.digests(whole))
    #expect(!TinyRun.digests(whole).isEmpty)
    #expect(try run.report(3).losses == run.report(1).losses)
    #expect(try run.report(3).evaluation == run.report(1).evaluation)
    #expect(try run.samples(3) == run.samples(1))
  }

  @Test(arguments: [TrainingRecipe.Moments.f32, .eightBit])
  func `P5 little memory changes nothing about going on, nor does more of it later`(
    moments: TrainingRecipe.Moments
  ) throws {
    let run = try TinyRun { $0.training.moments = moments }
    run.order.memoryBytes = 1
    let whole = try run.run(epoch: 1)
    let plan = try #require(try run.report(1).memoryPlan)
    #expect(plan.appliesGradientsAtOnce && !plan.recomputedLayers.isEmpty)
    #expect(try run.run(epoch: 2, TinyRun.at(2, .suspend)) == nil)
    run.order.memoryBytes = 1 << 40
    let resumed = try run.run(epoch: 3, resumeFrom: run.attempt(2, "step-000002"))
    #expect(TinyRun.digests(resumed) == TinyRun.digests(whole))
    let kept = try #require(try run.report(3).memoryPlan)
    #expect(kept.budget == 1 && kept.appliesGradientsAtOnce)
    #expect(kept.recomputedLayers == plan.recomputedLayers)
    let roomy = try run.run(epoch: 4)
    #expect(try run.report(4).memoryPlan?.recomputedLayers == [])
    #expect(roomy != nil)
  }

  @Test func `P5 three suspensions between checkpoints change nothing`() throws {
    let run = try TinyRun { $0.training.checkpointEvery = 100 }
    let whole = try run.run(epoch: 1)
    for (epoch, stop) in [(2, 1), (3, 2), (4, 3)] {
      let from = epoch == 2 ? nil : run.attempt(epoch - 1, Checkpoint.name(step: stop - 1))
      #expect(try run.run(epoch: epoch, resumeFrom: from, TinyRun.at(stop, .suspend)) == nil)
    }
    let resumed = try run.run(epoch: 5, resumeFrom: run.attempt(4, "step-000003"))
    #expect(TinyRun.digests(resumed) == TinyRun.digests(whole))
    #expect(try run.samples(5) == run.samples(1))
  }

  @Test func `P5 a run killed while exporting goes on from the checkpoint of its last step`() throws
  {
    let run = try TinyRun()
    let whole = try run.run(epoch: 1)
    #expect(try run.run(epoch: 2) { $0 == .phase(.exporting) ? .stop : .continue } == nil)
    let resumed = try run.run(epoch: 3, resumeFrom: run.attempt(2, "step-000004"))
    #expect(run.steps.isEmpty)
    #expect(TinyRun.digests(resumed) == TinyRun.digests(whole))
    #expect(try run.samples(3) == run.samples(1))
  }

  @Test func `P31 samples do not disturb training`() throws {
    let often = try TinyRun { $0.samples.every = 1 }
    let never = try TinyRun { $0.samples.every = 0 }
    let digests = try [often, never].map { run in
      TinyRun.digests(try run.run())["diffusers/unet/diffusion_pytorch_model.safetensors"]
    }
    #expect(digests[0] != nil && digests[0] == digests[1])
  }

  @Test func `P6 a missing checkpoint is refused, never started anew`() throws {
    let run = try TinyRun()
    #expect { try run.run(resumeFrom: run.attempt(1, "step-000002")) } throws: {
      ($0 as? EngineError)?.code == .checkpointCorrupt
    }
    #expect(run.steps.isEmpty)
  }

  @Test(arguments: [
    "recipe", "photos", "base model", "build", "instruction set",
  ])
  func `P8 a checkpoint of another run is refused`(field: String) throws {
    let run = try TinyRun()
    try run.run(epoch: 1, TinyRun.at(2, .suspend))
    let checkpoint = run.attempt(1, "step-000002")
    switch field {
    case "recipe": run.order.recipe.training.learningRate *= 2
    case "photos": run.order.images.removeLast()
    case "base model": try TinyModel.write(to: run.folder.file("base"), seed: 77)
    default:
      // What no test can change on one machine is changed in the file, and the file sealed again.
      let manifest = checkpoint.appending(path: "manifest.json")
      let text = try String(contentsOf: manifest, encoding: .utf8)
      #expect(text.contains("\"\(field)\" : \""))
      let other = Data(text.replacing("\"\(field)\" : \"", with: "\"\(field)\" : \"other ").utf8)
      try other.write(to: manifest)
      try Data(FileDigest.sha256(other).utf8)
        .write(to: checkpoint.appending(path: "manifest.sha256"))
    }
    #expect { try run.run(epoch: 2, resumeFrom: checkpoint) } throws: {
      ($0 as? EngineError)?.code == .resumeIncompatible
    }
  }
}
