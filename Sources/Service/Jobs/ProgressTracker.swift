import Contract
import Storage

/// Progress of one attempt as the job object shows it, from the child's own figures.
struct ProgressTracker: Sendable {
  private(set) var progress: JobProgress
  private(set) var phase: WorkEvent.Phase?
  /// The latest step times; older ones say little about the next.
  private var seconds: [Double] = []
  private static let window = 200

  init(_ progress: JobProgress) { self.progress = progress }

  mutating func start(step: Int, of total: Int) {
    progress = JobProgress(step: step, totalSteps: total)
  }

  mutating func enter(_ phase: WorkEvent.Phase) {
    self.phase = phase
    (progress.phaseDone, progress.phaseTotal) = (nil, nil)
  }

  mutating func advance(_ phase: WorkEvent.Phase, done: Int, of total: Int) {
    self.phase = phase
    (progress.phaseDone, progress.phaseTotal) = (done, total)
  }

  mutating func add(_ metrics: StepMetrics, now: Timestamp) {
    seconds.append(metrics.seconds)
    if seconds.count > Self.window { seconds.removeFirst() }
    let sorted = seconds.sorted()
    let p50 = sorted[(sorted.count - 1) / 2]
    let p90 = sorted[(sorted.count - 1) * 9 / 10]
    let rest = Double(max(0, metrics.totalSteps - metrics.step))
    var next = JobProgress(step: metrics.step, totalSteps: metrics.totalSteps)
    next.stepMs = .init(p50: Int(p50 * 1000), p90: Int(p90 * 1000))
    next.eta = .init(
      p50: now.advanced(bySeconds: rest * p50), p90: now.advanced(bySeconds: rest * p90))
    next.loss = .init(instance: metrics.instanceLoss, prior: metrics.priorLoss)
    progress = next
  }
}
