import Contract
import Storage
import Synchronization

/// Jobs that wait for something outside them to pass: each is left alone for a while, twice as long after
/// every failure in a row. Kept in memory, by a clock that nobody sets: a restart tries them all at once.
package final class Parking: Sendable {
  private struct Place {
    var since: ContinuousClock.Instant
    var until: ContinuousClock.Instant
    var failures: Int
    var needsDisk: Bool
  }

  private let shortest: Duration
  private let longest: Duration
  private let places = Mutex<[String: Place]>([:])

  package init(_ configuration: JobsConfiguration) {
    (shortest, longest) = (configuration.shortestWait, configuration.longestWait)
  }

  /// - Returns: how long the job is left alone
  package func park(_ id: String, needsDisk: Bool) -> Duration {
    places.withLock { places in
      let failures = (places[id]?.failures ?? 0) + 1
      let delay = min(longest, shortest * (1 << min(failures - 1, 20)))
      let now = ContinuousClock.now
      places[id] = Place(
        since: now, until: now + delay, failures: failures, needsDisk: needsDisk)
      return delay
    }
  }

  /// Jobs that are not to be taken now.
  /// - Parameter hasRoom: whether the disk could take a new job
  package func held(hasRoom: Bool) -> Set<String> {
    let now = ContinuousClock.now
    return places.withLock { places in
      Set(places.filter { $0.value.until > now || ($0.value.needsDisk && !hasRoom) }.keys)
    }
  }

  var needsDisk: Bool { places.withLock { $0.values.contains { $0.needsDisk } } }

  /// Until when at the latest somebody should look again; `nil` if nothing is parked.
  func nextLook() -> Duration? {
    let now = ContinuousClock.now
    return places.withLock { places in
      places.values.map { max(shortest, $0.until - now) }.min()
    }
  }

  /// The job got further, or is gone: its next trouble is the first.
  /// - Parameter start: of the work that got further; what parked the job after that still holds
  package func forget(_ id: String, parkedBefore start: ContinuousClock.Instant) {
    places.withLock { places in
      if let place = places[id], place.since < start { places[id] = nil }
    }
  }
}
