import Foundation

/// Runs the engine on one thread of its own with a big stack: deep graphs need more than a secondary thread gets by
/// itself.
enum EngineThread {
  static func run<R: Sendable>(_ body: @escaping @Sendable () -> R) -> R? {
    let done = DispatchSemaphore(value: 0)
    let box = Box<R>()
    let thread = Thread {
      box.value = body()
      done.signal()
    }
    thread.stackSize = 64 << 20
    thread.start()
    done.wait()
    return box.value
  }

  /// Written before the semaphore is signalled, read after.
  private final class Box<R>: @unchecked Sendable { var value: R? }
}
