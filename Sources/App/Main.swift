import ArgumentParser
import Foundation

/// One binary: the service, its children, and the engine without a service.
struct Dreambooth: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dreambooth",
    abstract: "Fine-tunes a text-to-image model on a few photos of a subject.",
    subcommands: [
      ServeCommand.self, MigrateCommand.self, DecodeCommand.self, IdentifiersCommand.self,
      ProbeCommand.self,
      TrainCommand.self, SampleCommand.self, WorkerCommand.self, InspectCommand.self,
      ConvertCommand.self,
      BenchCommand.self, RatesCommand.self, ToyboxCommand.self, PretrainCommand.self,
    ])
}

@main
enum Main {
  /// Exit codes: 0 done, 1 the work failed, 2 unusable arguments or input, with one line on stderr.
  static func main() async {
    do {
      var command = try Dreambooth.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let error as UsageError {
      end(2, "dreambooth: \(error)")
    } catch {
      let code = Dreambooth.exitCode(for: error)
      let message = Dreambooth.fullMessage(for: error)
      switch code {
      case .success:
        print(message)
      case .validationFailure: end(2, message)
      default: end(code.rawValue, message)
      }
    }
  }

  private static func end(_ code: Int32, _ message: String) -> Never {
    if !message.isEmpty { FileHandle.standardError.write(Data((message + "\n").utf8)) }
    exit(code)
  }
}
