import Storage
import Testing

@Suite struct JobStateTests {
  /// The rows of the published table, as pairs.
  static let published: [JobState: Set<JobState>] = [
    .validating: [.queued, .failed, .cancelled],
    .queued: [.running, .failed, .paused, .cancelled],
    .running: [.queued, .pausing, .cancelling, .succeeded, .failed],
    .pausing: [.cancelling, .succeeded, .failed, .paused],
    .paused: [.queued, .failed, .cancelled],
    .cancelling: [.cancelled],
    .succeeded: [], .failed: [], .cancelled: [],
  ]

  @Test(arguments: JobState.allCases)
  func `the table holds the published moves and no other`(from: JobState) {
    let found = Set(JobState.moves.filter { $0.from == from }.map(\.to))
    #expect(found == Self.published[from])
  }

  @Test func `final states are those that nothing leaves`() {
    for state in JobState.allCases {
      #expect(state.isFinal == (Self.published[state]?.isEmpty == true))
    }
  }

  @Test func `each pair of states has one event`() {
    #expect(JobState.moves.count == Set(JobState.moves.map { [$0.from, $0.to] }).count)
  }
}
