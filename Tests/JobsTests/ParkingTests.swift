import Jobs
import Testing

@Suite struct ParkingTests {
  private let parking: Parking

  init() {
    var configuration = JobsConfiguration(threads: 1)
    configuration.shortestWait = .seconds(60)
    configuration.longestWait = .seconds(3600)
    parking = Parking(configuration)
  }

  @Test func `what parked a job after work began is not forgotten with that work`() {
    let start = ContinuousClock.now
    _ = parking.park("a", needsDisk: false)
    parking.forget("a", parkedBefore: start)
    #expect(parking.held(hasRoom: true) == ["a"])
    parking.forget("a", parkedBefore: .now)
    #expect(parking.held(hasRoom: true).isEmpty)
  }

  @Test func `each failure in a row doubles the wait, up to the longest`() {
    let waits = (0..<8).map { _ in parking.park("a", needsDisk: false).components.seconds }
    #expect(waits == [60, 120, 240, 480, 960, 1920, 3600, 3600])
    parking.forget("a", parkedBefore: .now)
    #expect(parking.park("a", needsDisk: false) == .seconds(60))
  }

  @Test func `a job that needs the disk is held while there is no room`() {
    var configuration = JobsConfiguration(threads: 1)
    configuration.shortestWait = .zero
    let parking = Parking(configuration)
    _ = parking.park("a", needsDisk: true)
    #expect(parking.held(hasRoom: false) == ["a"])
    #expect(parking.held(hasRoom: true).isEmpty)
  }
}
