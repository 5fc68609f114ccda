import CKernels
import Foundation

/// kernel-bench [threads] [report.json]: a table of every family at the shapes that matter.
@main
struct KernelBench {
  struct Report: Encodable {
    var instructionSet: String
    var threads: Int
    var measurements: [Measurement]
  }

  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    ck_set_threads(arguments.first.flatMap { Int32($0) } ?? 0)
    var report = Report(
      instructionSet: String(cString: ck_instruction_set()),
      threads: Int(ck_threads()), measurements: [])
    print("\(report.instructionSet), \(report.threads) threads")
    print(Measurement.header)
    for family in [convolutions, products, attentions, loops] {
      let measurements = family()
      for measurement in measurements { print(measurement.row) }
      report.measurements += measurements
    }
    if let path = arguments.dropFirst().first {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(report).write(to: URL(fileURLWithPath: path))
    }
  }
}
