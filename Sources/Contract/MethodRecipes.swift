/// The parts of a recipe that belong to one method or to one option of the objective.
extension TrainingRecipe {
  /// Low-rank additions: y = W x + alpha / rank * up(down(x)).
  package struct LoRA: Defaulted, Equatable, Sendable {
    package var rank = 4
    /// 0 takes the rank, so that the factor is 1.
    package var alpha: Float = 0
    /// Layers of the U-Net that get one; of the text encoder too if it is trained.
    package var targets: [Target] = [.attention]
    /// Share of the layer's inputs that one step leaves out.
    package var dropout: Float = 0
    /// Trains each output's magnitude apart from its direction (DoRA, 2402.09353).
    package var dora = false
    package init() {}

    package var scale: Float { (alpha == 0 ? Float(rank) : alpha) / Float(rank) }

    package enum Target: String, Codable, Sendable, CaseIterable {
      /// Queries, keys, values and outputs.
      case attention
      case feedForward = "feed_forward"
      /// Residual blocks, samplers, and the projections around a transformer.
      case convolutions

      /// Layers of the U-Net, by the ends of their paths.
      package var unetLayers: [String] {
        switch self {
        case .attention: [".to_q", ".to_k", ".to_v", ".to_out.0"]
        case .feedForward: [".ff.net.0.proj", ".ff.net.2"]
        case .convolutions:
          [
            ".conv1", ".conv2", ".conv_shortcut", ".time_emb_proj", ".proj_in", ".proj_out",
            "samplers.0.conv",
          ]
        }
      }

      /// Layers of the text encoder, which has no convolutions.
      package var textLayers: [String] {
        switch self {
        case .attention: [".q_proj", ".k_proj", ".v_proj", ".out_proj"]
        case .feedForward: [".mlp.fc1", ".mlp.fc2"]
        case .convolutions: []
        }
      }
    }
  }

  /// New rows of the token table.
  package struct Embedding: Defaulted, Equatable, Sendable {
    /// Rows per subject.
    package var vectors = 1
    /// Word whose row they start from; empty takes the class noun.
    package var initialWord = ""
    /// What the templates speak of.
    package var kind = Kind.object
    /// 0 takes the rate of the training.
    package var learningRate: Float = 0
    /// Weight of the squared distance to the first value (2208.01618, section 5.1).
    package var pull: Float = 0
    /// Steps after which each further row joins (2208.01618, section 5.1); 0 trains all from the start.
    package var progressiveEvery = 0
    package init() {}

    package enum Kind: String, Codable, Sendable, CaseIterable { case object, style }
  }

  /// Training of the text encoder, when `trainTextEncoder` is on.
  package struct TextEncoder: Defaulted, Equatable, Sendable {
    /// 0 takes the rate of the training.
    package var learningRate: Float = 0
    /// Last step in which it learns; 0 lets it learn to the end.
    package var untilStep = 0
    package init() {}
  }

  /// Choices in what is minimised.
  package struct Objective: Defaulted, Equatable, Sendable {
    /// gamma of min-SNR weighting (2303.09556); absent weighs all timesteps alike.
    package var minSnrGamma: Float?
    /// Strength of noise that is constant over a picture and channel.
    package var offsetNoise: Float = 0
    /// What the network learns to say; `model` keeps what the base says.
    package var prediction = Prediction.model
    /// Rescales the schedule so that its last step is pure noise (2305.08891).
    package var zeroTerminalSnr = false
    /// Weight of what lies outside a picture's mask, where one was given.
    package var unmaskedWeight: Float = 0
    /// beta of Direct Consistency Optimization, where that is the prior's source.
    package var consistencyBeta: Float = 1000
    package init() {}

    package enum Prediction: String, Codable, Sendable, CaseIterable {
      case model, epsilon
      case velocity = "v_prediction"
    }
  }

  /// Sets the rate of the training. Where nothing but vectors is trained, it is theirs.
  package mutating func learn(at rate: Float) {
    training.learningRate = rate
    if method == .textualInversion { embedding.learningRate = rate }
  }

  /// A further subject of the same run; the first is `classNoun` and `identifier`.
  package struct Subject: Codable, Equatable, Sendable {
    package var classNoun: String
    package var identifier = "auto"
    package init(classNoun: String, identifier: String = "auto") {
      (self.classNoun, self.identifier) = (classNoun, identifier)
    }
  }

  /// How the optimizer keeps its two moments of each trained value.
  package enum Moments: String, Defaulted, Sendable, CaseIterable {
    /// Eight bytes a value.
    case f32
    /// Two bytes a value and a little more.
    case eightBit = "8bit"

    package init() { self = .f32 }
  }

  /// Where the second half of the objective gets its pictures and targets from.
  package enum PriorSource: String, Defaulted, Sendable, CaseIterable {
    /// Class pictures drawn from the frozen base.
    case generate
    /// Class pictures that the user sent.
    case uploaded
    /// The photos under the class prompt; the target is what the frozen base says of them.
    case predictions
    /// No second half: the photos' own loss is held against the frozen base's
    /// (Direct Consistency Optimization, 2402.12004).
    case consistency

    package init() { self = .generate }
    package var hasPictures: Bool { self == .generate || self == .uploaded }
  }
}
