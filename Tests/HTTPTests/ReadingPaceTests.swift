import Testing

@testable import HTTP

@Suite struct ReadingPaceTests {
  @Test func `nothing outstanding is never slow`() {
    var pace = ReadingPace(window: 10, rate: 1024)
    for second in 0..<100 {
      let isSlow = pace.isTooSlow(at: Double(second), sent: 500, acknowledged: 500)
      #expect(!isSlow)
    }
  }

  @Test func `who takes nothing is slow after one window`() {
    var pace = ReadingPace(window: 10, rate: 1024)
    let slow = (0...12).first { pace.isTooSlow(at: Double($0), sent: 9000, acknowledged: 4000) }
    #expect(slow == 10)
  }

  @Test func `the last window counts, not what was taken before it`() {
    var pace = ReadingPace(window: 10, rate: 1024)
    let slow = (0...40).first { second in
      pace.isTooSlow(
        at: Double(second), sent: 1 << 30, acknowledged: min(second, 20) * 100_000)
    }
    #expect(slow == 30)
  }

  @Test func `the rate itself is fast enough`() {
    var pace = ReadingPace(window: 10, rate: 1024)
    for second in 0..<60 {
      let isSlow = pace.isTooSlow(at: Double(second), sent: 1 << 30, acknowledged: second * 1024)
      #expect(!isSlow)
    }
  }
}
