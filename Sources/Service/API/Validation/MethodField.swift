import Contract

/// The fields of `method` beside `type`, and the methods that each belongs to.
enum MethodField: String, CaseIterable {
  case rank, alpha, targets, dropout, dora
  case vectors
  case initialWord = "initial_word"
  case kind
  case embeddingLearningRate = "embedding_learning_rate"
  case pull
  case progressiveEvery = "progressive_every"
  case trainTextEncoder = "train_text_encoder"
  case textEncoderLearningRate = "text_encoder_learning_rate"
  case textEncoderUntilStep = "text_encoder_until_step"
  case prior

  func belongs(to method: TrainingRecipe.Method) -> Bool {
    switch self {
    case .rank, .alpha, .targets, .dropout, .dora: method.trainsAdapters
    case .vectors, .initialWord, .kind, .embeddingLearningRate, .pull: method.trainsVectors
    case .progressiveEvery: method == .textualInversion
    case .trainTextEncoder, .textEncoderLearningRate, .textEncoderUntilStep:
      [.dreambooth, .lora, .pivotalTuning].contains(method)
    case .prior: method.takesPrior
    }
  }

  /// `lora, pivotal_tuning`
  var owners: String {
    TrainingRecipe.Method.allCases.filter(belongs).map(\.rawValue).joined(separator: ", ")
  }
}

extension TrainingRecipe.Method {
  var fields: [MethodField] { MethodField.allCases.filter { $0.belongs(to: self) } }

  var priorSources: [TrainingRecipe.PriorSource] {
    takesPrior ? TrainingRecipe.PriorSource.allCases : []
  }
}
