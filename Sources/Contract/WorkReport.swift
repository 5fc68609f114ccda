/// What ran, on what, with which seeds and versions, and how it went: `report.json`.
package struct WorkReport: Codable, Equatable, Sendable {
  package var version = 1
  package var jobId: String
  package var build: String
  package var instructionSet: String
  package var threads: Int
  package var recipe: TrainingRecipe
  package var identifier: String
  package var identifierTokens: [Int]
  package var baseModel: String
  package var baseHash: String
  package var images: [ImageLine]
  package var losses: [LossPoint]
  /// Seconds per phase, summed over the attempts of the run.
  package var phaseSeconds: [String: Double]
  package var peakMemoryBytes: Int
  package var memoryPlan: MemoryPlan?
  package var evaluation: Evaluation?
  /// Metrics that this report does not hold, each with the reason.
  package var absent: [String: String]

  package struct ImageLine: Codable, Equatable, Sendable {
    package var id: String
    package var sha256: String
    /// What intake said of it.
    package var verdict: ImageVerdict
    package var findings: [ImageFinding]
    package init(
      id: String, sha256: String, verdict: ImageVerdict = .accepted, findings: [ImageFinding] = []
    ) {
      self.id = id
      self.sha256 = sha256
      self.verdict = verdict
      self.findings = findings
    }
  }

  package struct LossPoint: Codable, Equatable, Sendable {
    package var step: Int
    package var instance: Float
    package var prior: Float?
    package init(step: Int, instance: Float, prior: Float?) {
      self.step = step
      self.instance = instance
      self.prior = prior
    }
  }

  /// CLIP-I and CLIP-T of the base model (step 0) and of each checkpoint on the same prompts and seeds.
  package struct Evaluation: Codable, Equatable, Sendable {
    /// Name and digest of the encoder pair; figures of different encoders are not comparable.
    package var encoder: String
    package var rows: [Row]
    package init(encoder: String, rows: [Row]) {
      self.encoder = encoder
      self.rows = rows
    }

    package struct Row: Codable, Equatable, Sendable {
      package var step: Int
      /// Mean cosine of generated and real pictures of the subject.
      package var clipImage: Float
      /// Mean cosine of picture and prompt, the identifier dropped.
      package var clipText: Float
      package var samples: Int
      package init(step: Int, clipImage: Float, clipText: Float, samples: Int) {
        self.step = step
        self.clipImage = clipImage
        self.clipText = clipText
        self.samples = samples
      }
    }
  }

  package init(
    jobId: String, build: String, instructionSet: String, threads: Int, recipe: TrainingRecipe,
    identifier: String, identifierTokens: [Int], baseModel: String, baseHash: String,
    images: [ImageLine], losses: [LossPoint], phaseSeconds: [String: Double], peakMemoryBytes: Int,
    memoryPlan: MemoryPlan? = nil, evaluation: Evaluation?, absent: [String: String]
  ) {
    self.jobId = jobId
    self.build = build
    self.instructionSet = instructionSet
    self.threads = threads
    self.recipe = recipe
    self.identifier = identifier
    self.identifierTokens = identifierTokens
    self.baseModel = baseModel
    self.baseHash = baseHash
    self.images = images
    self.losses = losses
    self.phaseSeconds = phaseSeconds
    self.peakMemoryBytes = peakMemoryBytes
    self.memoryPlan = memoryPlan
    self.evaluation = evaluation
    self.absent = absent
  }
}
