import Contract
import Storage

/// `training` of a job request.
enum TrainingFields {
  static func read(
    _ fields: FieldReader, model: ModelShelf.Model?, _ randomSeed: () -> UInt64,
    _ recipe: inout TrainingRecipe
  ) {
    if let rate = fields.float("learning_rate", RecipeLimits.learningRate) {
      recipe.learn(at: rate)
    }
    var training = recipe.training
    training.steps = fields.integer("steps", RecipeLimits.steps) ?? training.steps
    training.warmupSteps =
      fields.integer("warmup_steps", RecipeLimits.warmupSteps) ?? training.warmupSteps
    training.batchSize = fields.integer("batch_size", RecipeLimits.batchSize) ?? training.batchSize
    training.gradientAccumulation =
      fields.integer("gradient_accumulation", RecipeLimits.gradientAccumulation)
      ?? training.gradientAccumulation
    training.precision = fields.choice("precision", of: Precision.self) ?? training.precision
    training.seed = fields.seed("seed") ?? randomSeed()
    training.adamBeta1 = fields.float("adam_beta1", RecipeLimits.unitInterval) ?? training.adamBeta1
    training.adamBeta2 = fields.float("adam_beta2", RecipeLimits.unitInterval) ?? training.adamBeta2
    training.adamEpsilon =
      fields.float("adam_epsilon", RecipeLimits.learningRate) ?? training.adamEpsilon
    training.weightDecay =
      fields.float("weight_decay", RecipeLimits.unitInterval) ?? training.weightDecay
    training.maxGradientNorm =
      fields.float("max_gradient_norm", RecipeLimits.maxGradientNorm) ?? training.maxGradientNorm
    training.moments =
      fields.choice("optimizer_moments", of: TrainingRecipe.Moments.self) ?? training.moments
    training.emaDecay = fields.float("ema_decay", RecipeLimits.unitInterval)
    training.flip = fields.bool("flip") ?? training.flip
    training.checkpointEvery =
      fields.integer("checkpoint_every", RecipeLimits.checkpointEvery)
      ?? MethodDefaults.checkpointEvery(steps: training.steps)
    training.keepCheckpoints =
      fields.integer("keep_checkpoints", RecipeLimits.keepCheckpoints) ?? training.keepCheckpoints
    training.resolution =
      fields.integer("resolution", RecipeLimits.resolution) ?? training.resolution
    if let multiple = model?.sideMultiple, training.resolution % multiple != 0 {
      fields.fault(
        "resolution", "not_a_multiple", "this base model takes multiples of \(multiple) pixels")
    }
    recipe.training = training
    objective(fields, model?.prediction, &recipe.objective)
    fields.end()
  }

  private static func objective(
    _ fields: FieldReader, _ basePrediction: String?, _ objective: inout TrainingRecipe.Objective
  ) {
    objective.minSnrGamma = fields.float("min_snr_gamma", RecipeLimits.minSnrGamma)
    objective.offsetNoise =
      fields.float("offset_noise", RecipeLimits.offsetNoise) ?? objective.offsetNoise
    objective.prediction =
      fields.choice("prediction", of: TrainingRecipe.Objective.Prediction.self)
      ?? objective.prediction
    objective.zeroTerminalSnr = fields.bool("zero_terminal_snr") ?? objective.zeroTerminalSnr
    objective.unmaskedWeight =
      fields.float("unmasked_weight", RecipeLimits.weightOutsideMask) ?? objective.unmaskedWeight
    let velocity = TrainingRecipe.Objective.Prediction.velocity
    let says = objective.prediction == .model ? basePrediction : objective.prediction.rawValue
    if objective.zeroTerminalSnr, says != velocity.rawValue {
      fields.fault(
        "zero_terminal_snr", "needs_v_prediction",
        "at pure noise the noise itself says nothing: it needs a base model that predicts velocity, "
          + "or \"prediction\": \"v_prediction\"")
    }
  }
}
