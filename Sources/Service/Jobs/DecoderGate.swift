import Foundation

/// One bound on decoders for the whole service. Who waits gets turns owner by owner, and within an
/// owner in the order of asking: a request asks for one picture at a time, so none of them starves.
package actor DecoderGate {
  private struct Waiter {
    var id: Int
    var owner: String
    var turn: CheckedContinuation<Void, any Error>
  }

  private var free: Int
  private var waiting: [Waiter] = []
  private var nextID = 0
  /// When each owner got its last turn, as a count of turns.
  private var lastTurn: [String: Int] = [:]
  private var turns = 0

  /// A decoder holds up to 250 MiB: many cores must not mean gigabytes.
  package static var usual: Int { min(max(ProcessInfo.processInfo.activeProcessorCount, 2), 8) }

  package init(_ decoders: Int = DecoderGate.usual) { free = decoders }

  /// Runs `work` when it is `owner`'s turn.
  /// - Throws: `CancellationError` if the task is cancelled while it waits
  package func run<Value: Sendable>(
    for owner: String, _ work: @Sendable () async throws -> Value
  ) async throws -> Value {
    try await enter(owner)
    defer { leave() }
    return try await work()
  }

  package var waitingCount: Int { waiting.count }

  private func enter(_ owner: String) async throws {
    try Task.checkCancellation()
    if free > 0 {
      free -= 1
      return noteTurn(of: owner)
    }
    let id = nextID
    nextID += 1
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        (turn: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled {
          turn.resume(throwing: CancellationError())
        } else {
          waiting.append(Waiter(id: id, owner: owner, turn: turn))
        }
      }
    } onCancel: {
      Task { await self.giveUp(id) }
    }
  }

  private func leave() {
    let longestWithout = waiting.indices.min {
      (lastTurn[waiting[$0].owner] ?? 0, $0) < (lastTurn[waiting[$1].owner] ?? 0, $1)
    }
    guard let longestWithout else {
      free += 1
      // Nobody waits: past turns no longer matter.
      lastTurn = [:]
      return
    }
    let next = waiting.remove(at: longestWithout)
    noteTurn(of: next.owner)
    next.turn.resume()
  }

  private func giveUp(_ id: Int) {
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
    waiting.remove(at: index).turn.resume(throwing: CancellationError())
  }

  private func noteTurn(of owner: String) {
    turns += 1
    lastTurn[owner] = turns
  }
}
