import Contract
import Testing

@Suite struct IdentifierReportTests {
  private func score(
    agreement: Float = 0.5, shift: Float = 0, roundTrips: Bool = true
  ) -> Float {
    IdentifierReport.score(
      agreement: agreement, baseline: 0.5, shift: shift, classAgreement: 0.6,
      roundTrips: roundTrips)
  }

  @Test func `P37 meaning counts against a word`() {
    // As scattered as "a photo", and the class stays where it is: no meaning.
    #expect(score() == 1)
    // The same picture whatever the seed, and the class gone: all meaning.
    #expect(score(agreement: 1, shift: 0.4) == 0)
    #expect(score(agreement: 0.75) == 0.75)
    #expect(score(shift: 0.2) == 0.75)
    #expect(score(roundTrips: false) == 0.5)
  }

  @Test func `a score stays within its range`() {
    #expect(score(agreement: 0.1, shift: -1) == 1)
    #expect(score(agreement: 2, shift: 9) == 0)
    let flat = IdentifierReport.score(
      agreement: 1, baseline: 1, shift: 1, classAgreement: 1, roundTrips: true)
    #expect((0...1).contains(flat))
  }
}
