import ArgumentParser
import Foundation
import Imaging
import Toybox

/// Draws Toybox pictures: examples with captions, the photos of one subject, or a sheet of everything.
struct ToyboxCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "toybox",
    abstract: "Renders Toybox pictures, captions and subjects.",
    discussion: """
      Without an option, DIR gets pictures with their captions (captions.txt, one line each). With
      --subject it gets photos of one individual toy, to fine-tune a model on. With --sheet it gets
      sheet.png: every class in every colour and place, and some subjects.
      """)

  @Option(help: "The folder that is written.")
  var output: String
  @Option(help: "How many pictures; 5 of a subject, else 24.")
  var count: Int?
  @Option(help: "Draw photos of the subject with this seed.")
  var subject: UInt64?
  @Option(name: .customLong("class"), help: "The subject's class: \(Self.classes).")
  var classNoun: String?
  @Flag(help: "Draw one sheet that shows the world.")
  var sheet = false
  @Option(help: "Seed of the pictures.")
  var seed: UInt64 = 0
  @Option(help: "Side of a picture in pixels.")
  var size = 64

  private static var classes: String { ToyClass.allCases.map(\.noun).joined(separator: ", ") }

  func validate() throws {
    if subject != nil && sheet {
      throw ValidationError("--subject and --sheet exclude each other")
    }
    guard (16...1024).contains(size) else {
      throw ValidationError("--size \(size): a side of 16 to 1024 pixels is possible")
    }
    if let count, !(1...100_000).contains(count) {
      throw ValidationError("--count \(count): 1 to 100000 pictures are possible")
    }
    if let classNoun, ToyClass(rawValue: classNoun) == nil {
      throw ValidationError("--class \(classNoun): the classes are \(Self.classes)")
    }
    if classNoun != nil && subject == nil {
      throw ValidationError("--class chooses the class of a subject; give --subject SEED too")
    }
  }

  func run() throws {
    let folder = URL(fileURLWithPath: output, isDirectory: true)
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw UsageError("--output \(output): \(error.localizedDescription)")
    }
    if let subject {
      try drawSubject(ToySubject(seed: subject, toy: classNoun.flatMap(ToyClass.init)), in: folder)
    } else if sheet {
      try write(ToySheet(seed: seed).draw(side: size), to: folder, "sheet.png")
    } else {
      try drawExamples(in: folder)
    }
  }

  private func drawSubject(_ subject: ToySubject, in folder: URL) throws {
    for index in 0..<(count ?? 5) {
      let picture = ToyRenderer.render(subject.photo(index), side: size)
      try write(picture, to: folder, "\(subject.toy.noun)-\(index + 1).png")
    }
    print("\(count ?? 5) photos of a \(subject.toy.noun) in \(folder.path)")
  }

  private func drawExamples(in folder: URL) throws {
    let grammar = ToyGrammar(seed: seed)
    var captions = ""
    for index in 0..<(count ?? 24) {
      let example = grammar.example(index)
      let digits = String(index)
      let name = String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".png"
      try write(ToyRenderer.render(example.photo, side: size), to: folder, name)
      captions += "\(name)\t\(example.caption)\n"
    }
    try Data(captions.utf8).write(to: folder.appendingPathComponent("captions.txt"))
    print("\(count ?? 24) pictures in \(folder.path)")
  }

  private func write(_ picture: PixelBuffer, to folder: URL, _ name: String) throws {
    try Data(PNGEncoder.encode(picture)).write(to: folder.appendingPathComponent(name))
  }
}
