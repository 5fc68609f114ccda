/// What the engine says while it works. Paths are relative to the attempt folder.
package enum WorkEvent: Codable, Equatable, Sendable {
  case started(Started)
  case phase(Phase)
  /// Work inside a phase that is not a training step: class images, caching, sampling.
  case progress(phase: Phase, done: Int, total: Int)
  case step(StepMetrics)
  /// A checkpoint that was written, renamed into place, read back and found whole.
  case checkpoint(Checkpoint)
  /// One preview picture; `step` 0 is the base model. In the same folder the engine keeps `grid.png`,
  /// all previews so far: a row per step, a column per prompt and seed.
  case sample(Sample)
  case report(Report)
  case warning(code: String, parameter: String, message: String)
  /// The last event of a run: the files that may be published.
  case finished(Finished)

  package enum Phase: String, Codable, Sendable, CaseIterable {
    case loading, caching, training, sampling, evaluating, exporting
    case preparingImages = "preparing_images"
    case classImages = "class_images"
  }

  package struct Started: Codable, Equatable, Sendable {
    package var identifier: String
    package var identifierTokens: [Int]
    /// `auto` or `user`.
    package var identifierSource: String
    package var baseHash: String
    package var totalSteps: Int
    /// First step of this attempt is `resumedStep + 1`.
    package var resumedStep: Int
    package var parameters: Int
    package var trainedParameters: Int
    package var instructionSet: String
    package var threads: Int
    package init(
      identifier: String, identifierTokens: [Int], identifierSource: String, baseHash: String,
      totalSteps: Int, resumedStep: Int, parameters: Int, trainedParameters: Int,
      instructionSet: String, threads: Int
    ) {
      self.identifier = identifier
      self.identifierTokens = identifierTokens
      self.identifierSource = identifierSource
      self.baseHash = baseHash
      self.totalSteps = totalSteps
      self.resumedStep = resumedStep
      self.parameters = parameters
      self.trainedParameters = trainedParameters
      self.instructionSet = instructionSet
      self.threads = threads
    }
  }

  package struct Checkpoint: Codable, Equatable, Sendable {
    package var step: Int
    /// `step-000100`
    package var folder: String
    /// SHA-256 of the checkpoint's manifest, which lists the digest of every file.
    package var manifestSha256: String
    package init(step: Int, folder: String, manifestSha256: String) {
      self.step = step
      self.folder = folder
      self.manifestSha256 = manifestSha256
    }
  }

  package struct Sample: Codable, Equatable, Sendable {
    package var step: Int
    package var promptIndex: Int
    package var prompt: String
    package var seed: UInt64
    package var file: String
    package var width: Int
    package var height: Int
    package init(
      step: Int, promptIndex: Int, prompt: String, seed: UInt64, file: String, width: Int,
      height: Int
    ) {
      self.step = step
      self.promptIndex = promptIndex
      self.prompt = prompt
      self.seed = seed
      self.file = file
      self.width = width
      self.height = height
    }
  }

  package struct Report: Codable, Equatable, Sendable {
    /// `report.json` and `report.png`
    package var files: [String]
    package init(files: [String]) { self.files = files }
  }

  package struct Finished: Codable, Equatable, Sendable {
    package var artifacts: [Artifact]
    package init(artifacts: [Artifact]) { self.artifacts = artifacts }
  }

  /// One artifact: a folder of files with their digests.
  package struct Artifact: Codable, Equatable, Sendable {
    /// Export format: `diffusers`.
    package var format: String
    package var folder: String
    package var files: [File]
    package init(format: String, folder: String, files: [File]) {
      self.format = format
      self.folder = folder
      self.files = files
    }

    package struct File: Codable, Equatable, Sendable {
      /// Path below the artifact's folder.
      package var name: String
      package var bytes: Int
      package var sha256: String
      package init(name: String, bytes: Int, sha256: String) {
        self.name = name
        self.bytes = bytes
        self.sha256 = sha256
      }
    }
  }
}

/// What the service answers to an event.
package enum WorkDirective: String, Codable, Sendable {
  case `continue`
  /// Write a checkpoint at the next step, then go on.
  case checkpoint
  /// Write a checkpoint at the next step, then stop (service stop): exit `interrupted`.
  case suspend
  /// Stop at the next step (cancel), keeping what was written: exit `interrupted`.
  case stop
}
