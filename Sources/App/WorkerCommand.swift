import ArgumentParser
import Contract
import Foundation
import Training

/// One attempt at a job, started by the service: the order is the first line on stdin, directives are the lines
/// after it, events go out on descriptor 3, the exit code is `WorkerExit`.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker", abstract: "Runs one attempt at a job (started by the service).",
    shouldDisplay: false)

  func run() throws {
    // A parent that is gone shows as a failed write, not as a signal.
    signal(SIGPIPE, SIG_IGN)
    let mailbox = DirectiveMailbox()
    mailbox.suspend(onSignals: [SIGTERM])
    let link = WorkerLink(events: 3)
    guard let line = link.readLine(), let order = try? EventLine.decode(WorkOrder.self, from: line)
    else {
      link.send(
        .failure(EngineError(.internalError, "the first line on stdin is not a work order")))
      throw ExitCode(WorkerExit.bug.rawValue)
    }
    mailbox.listen(to: link)
    link.startHeartbeat()
    let exit = EngineThread.run { Self.run(order, link, mailbox) } ?? .bug
    throw ExitCode(exit.rawValue)
  }

  private static func run(_ order: WorkOrder, _ link: WorkerLink, _ mailbox: DirectiveMailbox)
    -> WorkerExit
  {
    do throws(EngineError) {
      let engine: any WorkEngine =
        switch order.kind {
        case .train: PersonalizationEngine()
        }
      let finished = try engine.run(order) { event in
        link.send(.event(event)) ? mailbox.take() : .stop
      }
      return finished == nil ? .interrupted : .done
    } catch {
      link.send(.failure(error))
      return error.exit
    }
  }
}

extension EngineError {
  /// What the service may expect of another attempt.
  var exit: WorkerExit {
    switch code {
    case .diskFull, .outOfMemory, .storageUnavailable: .tryAgain
    case .internalError, .workerCrashed, .workerLost, .deadlineExceeded: .bug
    case .imagesRejected, .willNotFit, .nonfinite, .resumeIncompatible, .checkpointCorrupt,
      .baseModelMissing, .baseModelInvalid, .recipeInvalid, .photoDamaged:
      .badInput
    }
  }
}
