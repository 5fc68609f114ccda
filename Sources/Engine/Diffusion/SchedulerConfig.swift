import Contract
package import Foundation

/// `scheduler/scheduler_config.json` of a model folder: the noise schedule as numbers.
///
/// A field that decides the schedule has no default. Fields that only steer a sampler take the default
/// of the diffusers class that reads them, which is why `timestepSpacing` stays optional here.
package struct SchedulerConfig: Codable, Equatable, Sendable {
  package enum BetaSchedule: String, Codable, Sendable {
    case linear
    case scaledLinear = "scaled_linear"
    case squaredCosine = "squaredcos_cap_v2"
  }

  package enum Spacing: String, Codable, Sendable { case leading, linspace, trailing }

  package var className: String
  package var betaSchedule: BetaSchedule
  package var betaStart: Double
  package var betaEnd: Double
  package var trainSteps: Int
  package var prediction: PredictionType
  package var timestepSpacing: Spacing?
  package var stepsOffset: Int
  package var clipSample: Bool
  package var clipSampleRange: Float
  package var setAlphaToOne: Bool
  /// Betas are rescaled so that the last step is pure noise (Lin et al., 2305.08891, algorithm 1).
  package var zeroTerminalSNR = false

  /// Stable Diffusion 1.x's own schedule, with the prediction type of choice.
  package static func stableDiffusion(prediction: PredictionType = .epsilon) -> SchedulerConfig {
    SchedulerConfig(
      className: "DDIMScheduler", betaSchedule: .scaledLinear, betaStart: 0.00085, betaEnd: 0.012,
      trainSteps: 1000, prediction: prediction, timestepSpacing: .leading, stepsOffset: 1,
      clipSample: false, clipSampleRange: 1, setAlphaToOne: false)
  }

  package init(
    className: String, betaSchedule: BetaSchedule, betaStart: Double, betaEnd: Double,
    trainSteps: Int, prediction: PredictionType, timestepSpacing: Spacing?, stepsOffset: Int,
    clipSample: Bool, clipSampleRange: Float, setAlphaToOne: Bool
  ) {
    self.className = className
    self.betaSchedule = betaSchedule
    self.betaStart = betaStart
    self.betaEnd = betaEnd
    self.trainSteps = trainSteps
    self.prediction = prediction
    self.timestepSpacing = timestepSpacing
    self.stepsOffset = stepsOffset
    self.clipSample = clipSample
    self.clipSampleRange = clipSampleRange
    self.setAlphaToOne = setAlphaToOne
  }

  package init(contentsOf file: URL) throws(DiffusionError) {
    do {
      let decoder = JSONDecoder()
      // diffusers writes `"lambda_min_clipped": -Infinity`, which only JSON5 knows.
      decoder.allowsJSON5 = true
      self = try decoder.decode(SchedulerConfig.self, from: Data(contentsOf: file))
    } catch {
      throw .invalidSchedule(file: file.lastPathComponent, reason: reason(of: error))
    }
  }

  private enum Key: String, CodingKey {
    case className = "_class_name"
    case version = "_diffusers_version"
    case betaSchedule = "beta_schedule"
    case betaStart = "beta_start"
    case betaEnd = "beta_end"
    case trainSteps = "num_train_timesteps"
    case trainedBetas = "trained_betas"
    case prediction = "prediction_type"
    case timestepSpacing = "timestep_spacing"
    case stepsOffset = "steps_offset"
    case clipSample = "clip_sample"
    case clipSampleRange = "clip_sample_range"
    case setAlphaToOne = "set_alpha_to_one"
    case thresholding
    case zeroTerminalSNR = "rescale_betas_zero_snr"
  }

  package init(from decoder: any Decoder) throws {
    let c = try decoder.container(keyedBy: Key.self)
    if try c.decodeIfPresent(Bool.self, forKey: .thresholding) == true {
      throw DecodingError.dataCorruptedError(
        forKey: .thresholding, in: c, debugDescription: "`thresholding` true is not supported")
    }
    if try c.contains(.trainedBetas) && !c.decodeNil(forKey: .trainedBetas) {
      throw DecodingError.dataCorruptedError(
        forKey: .trainedBetas, in: c,
        debugDescription: "`trained_betas` is not supported; name a `beta_schedule`")
    }
    className = try c.decode(String.self, forKey: .className)
    guard ModelSupport.schedulers.contains(className) else {
      throw DecodingError.dataCorruptedError(
        forKey: .className, in: c,
        debugDescription: "unknown scheduler \(className); known: "
          + ModelSupport.schedulers.sorted().joined(separator: ", "))
    }
    betaSchedule = try c.decode(BetaSchedule.self, forKey: .betaSchedule)
    betaStart = try c.decode(Double.self, forKey: .betaStart)
    betaEnd = try c.decode(Double.self, forKey: .betaEnd)
    trainSteps = try c.decode(Int.self, forKey: .trainSteps)
    guard (2...100_000).contains(trainSteps), 0 < betaStart, betaStart <= betaEnd, betaEnd < 1
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .betaStart, in: c,
        debugDescription: "needs 0 < beta_start <= beta_end < 1 and 2 to 100000 training steps")
    }
    prediction = try c.decodeIfPresent(PredictionType.self, forKey: .prediction) ?? .epsilon
    timestepSpacing = try c.decodeIfPresent(Spacing.self, forKey: .timestepSpacing)
    stepsOffset = try c.decodeIfPresent(Int.self, forKey: .stepsOffset) ?? 0
    clipSample = try c.decodeIfPresent(Bool.self, forKey: .clipSample) ?? true
    clipSampleRange = try c.decodeIfPresent(Float.self, forKey: .clipSampleRange) ?? 1
    setAlphaToOne = try c.decodeIfPresent(Bool.self, forKey: .setAlphaToOne) ?? true
    zeroTerminalSNR = try c.decodeIfPresent(Bool.self, forKey: .zeroTerminalSNR) ?? false
    if zeroTerminalSNR && prediction == .epsilon {
      throw DecodingError.dataCorruptedError(
        forKey: .zeroTerminalSNR, in: c,
        debugDescription:
          "a network that predicts noise learns nothing from pure noise: it needs v_prediction")
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: Key.self)
    try c.encode(className, forKey: .className)
    try c.encode("0.30.0", forKey: .version)
    try c.encode(betaSchedule, forKey: .betaSchedule)
    try c.encode(betaStart, forKey: .betaStart)
    try c.encode(betaEnd, forKey: .betaEnd)
    try c.encode(trainSteps, forKey: .trainSteps)
    try c.encode(prediction, forKey: .prediction)
    try c.encodeIfPresent(timestepSpacing, forKey: .timestepSpacing)
    try c.encode(stepsOffset, forKey: .stepsOffset)
    try c.encode(clipSample, forKey: .clipSample)
    try c.encode(clipSampleRange, forKey: .clipSampleRange)
    try c.encode(setAlphaToOne, forKey: .setAlphaToOne)
    if zeroTerminalSNR { try c.encode(true, forKey: .zeroTerminalSNR) }
  }
}

/// What is wrong with a JSON file, in one line.
func reason(of error: any Error) -> String {
  guard let error = error as? DecodingError else { return String(describing: error) }
  switch error {
  case .keyNotFound(let key, _): return "`\(key.stringValue)` is missing"
  case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
    let path = context.codingPath.map(\.stringValue).joined(separator: "/")
    return path.isEmpty ? context.debugDescription : "`\(path)`: \(context.debugDescription)"
  @unknown default: return String(describing: error)
  }
}
