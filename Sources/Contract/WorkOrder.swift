package import Foundation

/// What the service asks of one attempt: the first line on the child's stdin.
///
/// All paths are absolute and given by the parent; the child knows no database and no other folder.
package struct WorkOrder: Codable, Equatable, Sendable {
  package var version = 1
  package var kind = Kind.train
  package var jobId: String
  /// Fences everything that this attempt writes.
  package var epoch: Int
  package var recipe: TrainingRecipe
  /// Instance pictures (PNG, oriented, sRGB), in the order of their content hash.
  package var images: [Picture]
  /// Folder of the base model in diffusers layout.
  package var baseModel: URL
  /// Folder of the CLIP-like encoder pair for the report (transformers CLIPModel layout); `nil` leaves
  /// CLIP-I and CLIP-T out.
  package var clipEncoder: URL?
  /// Folder of this attempt, `jobs/<id>/e<epoch>`; everything the child writes goes here...
  package var attemptFolder: URL
  /// ...except pictures drawn from a frozen base model, which jobs share.
  package var cacheFolder: URL
  /// Verified checkpoint folder to go on from (it may lie in an older epoch's folder).
  package var resumeFrom: URL?
  /// Folder of a checkpoint of another run whose trained weights are this run's first values.
  package var initFrom: URL?
  /// Class pictures that the user sent (PNG, oriented, sRGB), in the order of their content hash.
  package var classImages: [Picture]?
  /// Size of the one thread team.
  package var threads: Int
  /// Bytes that the attempt may take, resident; nil: all that jobs may use of this machine.
  package var memoryBytes: Int?

  package enum Kind: String, Codable, Sendable { case train }

  package struct Picture: Codable, Equatable, Sendable {
    package var id: String
    package var file: URL
    /// What intake said of it; the report repeats it.
    package var verdict: ImageVerdict
    package var findings: [ImageFinding]
    /// Which of the recipe's subjects it shows; absent: the first.
    package var subject: Int?
    /// What stands in the place of "a [V] [class]"; `{id}` and `{class}` are filled in.
    package var caption: String?
    /// A picture of the same size: white where the subject is, black where the loss is to look away.
    package var mask: URL?
    package init(
      id: String, file: URL, verdict: ImageVerdict = .accepted, findings: [ImageFinding] = [],
      subject: Int? = nil, caption: String? = nil, mask: URL? = nil
    ) {
      self.id = id
      self.file = file
      self.verdict = verdict
      self.findings = findings
      self.subject = subject
      self.caption = caption
      self.mask = mask
    }
  }

  package init(
    jobId: String, epoch: Int, recipe: TrainingRecipe, images: [Picture], baseModel: URL,
    clipEncoder: URL?, attemptFolder: URL, cacheFolder: URL, resumeFrom: URL?,
    initFrom: URL? = nil, classImages: [Picture]? = nil, threads: Int
  ) {
    self.jobId = jobId
    self.epoch = epoch
    self.recipe = recipe
    self.images = images
    self.baseModel = baseModel
    self.clipEncoder = clipEncoder
    self.attemptFolder = attemptFolder
    self.cacheFolder = cacheFolder
    self.resumeFrom = resumeFrom
    self.initFrom = initFrom
    self.classImages = classImages
    self.threads = threads
  }
}
