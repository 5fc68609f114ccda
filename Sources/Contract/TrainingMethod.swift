extension TrainingRecipe {
  /// Which weights learn the subject.
  package enum Method: String, Codable, Sendable, CaseIterable {
    /// All weights of the U-Net (2208.12242).
    case dreambooth
    /// Low-rank additions to frozen layers (2106.09685), optionally with trained magnitudes (DoRA, 2402.09353).
    case lora
    /// New rows of the token table, nothing else (2208.01618).
    case textualInversion = "textual_inversion"
    /// New rows and low-rank additions together.
    case pivotalTuning = "pivotal_tuning"
    /// Keys and values of the cross-attention, and new rows (2212.04488).
    case customDiffusion = "custom_diffusion"

    /// The name as papers write it.
    package var title: String {
      switch self {
      case .dreambooth: "DreamBooth"
      case .lora: "LoRA"
      case .textualInversion: "Textual Inversion"
      case .pivotalTuning: "Pivotal tuning"
      case .customDiffusion: "Custom Diffusion"
      }
    }

    package var trainsVectors: Bool {
      switch self {
      case .dreambooth, .lora: false
      case .textualInversion, .pivotalTuning, .customDiffusion: true
      }
    }

    package var trainsAdapters: Bool { self == .lora || self == .pivotalTuning }

    /// Weights of the U-Net that Custom Diffusion trains, by the ends of their keys.
    package static let customDiffusionWeights = [".attn2.to_k.weight", ".attn2.to_v.weight"]

    /// Textual Inversion changes nothing that a class prompt could lose.
    package var takesPrior: Bool { self != .textualInversion }

    /// Whether a subject's word stands for the noun ("a photo of a [V]") or before it ("a [V] dog").
    package var replacesNoun: Bool { self == .textualInversion || self == .pivotalTuning }

    /// Formats in which a result can be written, the usual ones first.
    package var exports: [ExportFormat] {
      switch self {
      case .dreambooth: [.diffusers, .singleFile]
      case .lora: [.loraPEFT, .loraKohya, .diffusers, .singleFile]
      case .textualInversion: [.tiDiffusers, .tiKohya]
      case .pivotalTuning: [.loraPEFT, .loraKohya, .tiDiffusers, .tiKohya]
      case .customDiffusion: [.diffusers, .tiDiffusers, .tiKohya, .singleFile]
      }
    }

    /// What is written when nobody chooses.
    package var defaultExports: [ExportFormat] {
      switch self {
      case .dreambooth: [.diffusers]
      case .lora: [.loraPEFT, .loraKohya]
      case .textualInversion: [.tiDiffusers, .tiKohya]
      case .pivotalTuning: [.loraPEFT, .loraKohya, .tiDiffusers, .tiKohya]
      case .customDiffusion: [.diffusers, .tiDiffusers]
      }
    }
  }
}

/// The files that a result can become; which tools open them: docs/FORMATS.md.
package enum ExportFormat: String, Codable, Sendable, CaseIterable {
  /// A folder with `model_index.json`.
  case diffusers
  /// One file with the keys of the original Stable Diffusion.
  case singleFile = "single_file"
  /// `unet.<path>.lora_A.weight`, as diffusers and peft write it.
  case loraPEFT = "lora_peft"
  /// `lora_unet_<path>.lora_down.weight` with `alpha`, as kohya's scripts write it.
  case loraKohya = "lora_kohya"
  /// `{token: [n, D]}`
  case tiDiffusers = "ti_diffusers"
  /// `{emb_params: [n, D]}`
  case tiKohya = "ti_kohya"
}

extension TrainingRecipe {
  /// A U-Net that nothing changes is kept as products read it, in bf16: half the memory, the same results. Not where files
  /// are made of its weights.
  package var keepsUNetHalf: Bool {
    let isFrozen = method.trainsAdapters || method == .textualInversion
    let isWritten = exports.contains { $0 == .diffusers || $0 == .singleFile }
    return training.precision == .bf16 && isFrozen && !isWritten
  }
}
