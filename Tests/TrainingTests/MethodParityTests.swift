import Contract
import Diffusion
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Training
import Weights

/// Ten steps of every method against torch, diffusers and peft, from given latents, noise, timesteps and prompts: losses,
/// the first step's gradient of every trained tensor, and where ten AdamW steps lead.
@Suite struct MethodParityTests {
  @Test(arguments: [
    "lora_sd1", "lora_sd2", "lora_everywhere_sd1", "lora_everywhere_sd2", "dora_sd1", "dora_sd2",
    "textual_inversion_sd1", "textual_inversion_sd2", "text_encoder_sd1", "text_encoder_sd2",
    "custom_diffusion_sd1", "consistency_sd1",
  ])
  func `ten steps give the losses, gradients and weights of the reference`(file: String) throws {
    let run = try GoldenRun(file)
    let before = run.trained.entries.map { $0.tensor.copy() }
    let logs = try run.train()
    try run.golden.expectLogs(logs, file)
    try expectGradients(run, file)
    try run.golden.expectSameWay(run.trained, from: before)
  }

  /// Errors are over the larger of a tensor's own norm and a fiftieth of the largest: below that lies rounding.
  private func expectGradients(_ run: GoldenRun, _ file: String) throws {
    let expected = try run.golden.tensors("out").filter { $0.key.hasPrefix("gradient.") }
    #expect(expected.count == run.firstGradients.count && !expected.isEmpty)
    let largest = expected.values.map { $0.sumOfSquares().squareRoot() }.max() ?? 0
    for (key, gradient) in run.firstGradients {
      let truth = try #require(expected["gradient.\(key)"], "\(file) \(key)")
      let error = (gradient - truth.reshaped(gradient.shape)).sumOfSquares().squareRoot()
      let size = max(truth.sumOfSquares().squareRoot(), largest / 50)
      #expect(error <= 1e-4 * size, "\(file) \(key): \(error / size)")
    }
  }
}

/// The models of a golden run, with the reference's values in their adapters and new rows.
private final class GoldenRun {
  let golden: GoldenCase
  let trained: ParameterGroup
  private(set) var firstGradients: [(key: String, gradient: Tensor)] = []
  private let unet: UNet2DConditionModel
  private let text: CLIPTextModel?
  private let adapters: [LowRankAdapter]
  private let beta: Float?

  init(_ file: String) throws {
    let golden = try GoldenFile(file)("run")
    self.golden = golden
    let folder = try TemporaryFolder()
    let given = try golden.tensors("param")
    func plan(_ component: String) throws -> AdapterPlan {
      let rank: Int = (try? golden.field("rank")) ?? 1
      let shape = AdapterPlan.Shape(
        rank: rank, alpha: (try? golden.field("alpha")) ?? 1,
        hasMagnitudes: given.keys.contains { $0.hasSuffix(".magnitude") })
      return AdapterPlan(component: component, shape: shape, seed: 0) { path in
        given["adapter.\(component).\(Self.inner(path, component)).down"] != nil
      }
    }
    let plans = (unet: try plan("unet"), text: try plan("text_encoder"))

    _ = try folder.write("config.json", Array(golden.json("config")))
    let scope = golden.weights / "unet"
    scope.ledger.adapters = plans.unet
    unet = try UNet2DConditionModel(scope, config: UNetConfig(folder: folder.url))
    var text: CLIPTextModel?
    if let config = try? golden.json("textConfig") {
      _ = try folder.write("config.json", Array(config))
      let root = golden.weights / "text_encoder"
      let isPrefixed = given.keys.contains { $0.hasPrefix("text_encoder.text_model.") }
      let scope = isPrefixed ? root / "text_model" : root
      scope.ledger.adapters = plans.text
      text = try CLIPTextModel(scope, config: CLIPTextConfig(folder: folder.url))
    }
    if let rows = given["embedding.rows"] { text?.learnedRows = [rows] }
    self.text = text
    let adapters = plans.unet.adapters + plans.text.adapters
    self.adapters = adapters
    beta = try? golden.field("consistencyBeta", as: Float.self)

    // The file says what trains: what has a gradient.
    var tensors: [String: Tensor] = [:]
    let lists = [unet.parameters, text?.parameters ?? ParameterList([])]
    for parameter in lists.joined() {
      tensors[String(parameter.key.dropFirst("run.param.".count))] = parameter.tensor
    }
    for adapter in adapters {
      let component = String(adapter.path.prefix { $0 != "." })
      let path = "adapter.\(component).\(Self.inner(adapter.path, component))"
      let parts = [
        ("down", adapter.down), ("up", adapter.up), ("magnitude", adapter.magnitude),
      ]
      for case (let part, let tensor?) in parts {
        let value = try #require(given["\(path).\(part)"]).reshaped(tensor.shape)
        tensor.withMutableFloats { target in
          value.withFloats { _ = target.update(fromContentsOf: $0) }
        }
        tensors["\(path).\(part)"] = tensor
      }
    }
    tensors["embedding.rows"] = given["embedding.rows"]
    let keys = try golden.tensors("out").keys.filter { $0.hasPrefix("gradient.") }
      .map { String($0.dropFirst("gradient.".count)) }
    let rate: Float = try golden.field("learningRate")
    let textFactor = try golden.field("textLearningRate", as: Float.self) / rate
    let found = try keys.map { (key: $0, tensor: try #require(tensors[$0], "\($0)")) }
    func isText(_ key: String) -> Bool {
      key.hasPrefix("text_encoder.") || key.hasPrefix("embedding.")
    }
    trained =
      ParameterGroup(found.filter { !isText($0.key) })
      + ParameterGroup(found.filter { isText($0.key) }, rateFactor: textFactor)
  }

  /// A path inside its component, whatever stands before it in the file and without `text_model`.
  private static func inner(_ path: String, _ component: String) -> String {
    let start = path.range(of: "param.\(component).")?.upperBound ?? path.startIndex
    let inner = path[start...]
    return String(inner.hasPrefix("text_model.") ? inner.dropFirst("text_model.".count) : inner)
  }

  func train() throws -> [String: [Float]] {
    let schedule = NoiseSchedule(
      try JSONDecoder().decode(SchedulerConfig.self, from: golden.json("scheduler")))
    let timesteps: [[Int]] = try golden.field("timesteps")
    let priorWeight: Float? = try? golden.field("priorWeight", as: Float.self)
    let trainer = Trainer(trained, try golden.trainerSettings(steps: timesteps.count))
    var logs: [String: [Float]] = [:]
    for (step, t) in timesteps.enumerated() {
      let parts = { try self.loss(step, t, schedule, priorWeight) }
      if step == 0 { try keepGradients(of: parts().total) }
      let metrics = try trainer.update { _ in try parts() }
      logs["loss", default: []].append(metrics.loss)
      logs["gradientNorm", default: []].append(metrics.gradientNorm)
      guard beta == nil else { continue }
      logs["instanceLoss", default: []].append(metrics.instanceLoss)
      if let prior = metrics.priorLoss { logs["priorLoss", default: []].append(prior) }
    }
    return logs
  }

  private func keepGradients(of loss: Tensor) throws {
    trained.clearGradients()
    loss.backward()
    firstGradients = try trained.entries.map {
      (key: $0.key, gradient: try #require($0.tensor.gradient, "\($0.key)").copy())
    }
  }

  private func loss(
    _ step: Int, _ t: [Int], _ schedule: NoiseSchedule, _ priorWeight: Float?
  ) throws -> DiffusionLoss.Parts {
    let latents = try golden.tensor("in", "latents\(step)")
    let noise = try golden.tensor("in", "noise\(step)")
    let loss = DiffusionLoss(schedule)
    let zt = schedule.addNoise(to: latents, noise: noise, at: t)
    func losses(_ context: Tensor) -> Tensor {
      loss.perSample(
        unet(zt, t: t.map { Float($0) }, context: context), of: latents, noise: noise, at: t)
    }
    let instances = priorWeight == nil ? t.count : t.count / 2
    let context: Tensor
    if let text {
      let ids: [[[Int]]] = try golden.field("ids")
      context = text(ids[step])
    } else {
      context = try golden.tensor("in", "context\(step)")
    }
    guard let beta else {
      return DiffusionLoss.parts(
        of: losses(context), instances: instances, priorWeight: priorWeight ?? 0)
    }
    for adapter in adapters { adapter.isActive = false }
    let base = withoutGradients { losses(context) }
    for adapter in adapters { adapter.isActive = true }
    return DiffusionLoss.parts(
      of: ConsistencyLoss(beta: beta)(losses(context), base: base), instances: instances,
      priorWeight: 0)
  }
}
