import Testing

@testable import Toybox

@Suite struct ToySubjectTests {
  @Test(arguments: 0..<20)
  func `A subject keeps its coat from photo to photo and changes pose and scene`(seed: UInt64) {
    let subject = ToySubject(seed: seed)
    let photos = (0..<5).map { subject.photo($0) }
    #expect(photos.allSatisfy { $0.coat == subject.coat && $0.toy == subject.toy })
    #expect(Set(photos.map(\.scene.rawValue)).count == 5)
    #expect(photos[0].pose != photos[1].pose)
  }

  @Test(arguments: 0..<20)
  func `A subject wears colours and a pattern that no caption names`(seed: UInt64) {
    let coat = ToySubject(seed: seed).coat
    let named = ToyPalette.named.map(\.color)
    #expect(!named.contains(coat.base) && !named.contains(coat.mark))
    #expect(coat.base != coat.mark && coat.pattern != .plain && coat.accessory != nil)
  }

  @Test func `The class of a subject can be chosen without changing its coat`() {
    #expect(ToySubject(seed: 4, toy: .car).toy == .car)
    #expect(ToySubject(seed: 4, toy: .car).coat == ToySubject(seed: 4).coat)
  }

  @Test func `Another seed is another subject`() {
    #expect(ToySubject(seed: 1).coat != ToySubject(seed: 2).coat)
  }
}
