package import Contract
package import Diffusion
package import Evaluation
package import Foundation
import Imaging
import Models
import Tensors
import Weights

/// Shows and measures what candidates for the rare token mean to a base model, before one is trained
/// (2208.12242, section 3.2; `sks` is a rifle: P37). The score is `IdentifierReport.score`.
package struct IdentifierEvidence {
  /// What the pictures are drawn with: small and few, because there are many words.
  package struct Settings: Equatable, Sendable {
    package var seeds: [UInt64] = [1, 2, 3]
    package var sampler = SamplerName.dpmpp2m
    package var steps = 12
    package var guidance: Float = 7.5
    /// Largest side of a picture, in pixels.
    package var largestSide = 256
    package init() {}
  }

  private let model: StableDiffusion
  private let clip: CLIPFeatures?
  private let settings: Settings
  private let size: Int

  package init(_ model: StableDiffusion, clip: CLIPFeatures?, _ settings: Settings = Settings()) {
    (self.model, self.clip, self.settings) = (model, clip, settings)
    let side = min(model.nativeSize, settings.largestSide)
    size = max(1, side / model.sizeMultiple) * model.sizeMultiple
  }

  /// Draws, measures, and writes the report with its pictures: all of the folder, or nothing.
  /// - Parameters:
  ///   - words: candidates to look at; none lets the picker choose `count`
  ///   - onPicture: pictures drawn and to be drawn
  @discardableResult
  package func write(
    classNoun: String, words: [String], count: Int, to folder: URL,
    onPicture: (Int, Int) -> Void = { _, _ in }
  ) throws -> IdentifierReport {
    let found = candidates(classNoun, words, count)
    guard !found.isEmpty else {
      throw TrainingError.invalidRecipe(
        parameter: "identifier",
        reason: "no rare token of this tokenizer stands before \"\(classNoun)\" unchanged; name one"
      )
    }
    var drawn = 0
    let total = (2 + 2 * found.count) * settings.seeds.count
    func series(_ prompt: String) throws -> Series {
      let series = try draw(prompt)
      drawn += settings.seeds.count
      onPicture(drawn, total)
      return series
    }
    let plain = try series("a photo")
    let ofClass = try series("a \(classNoun)")
    let drawnWords = try found.map { choice, roundTrips in
      Word(
        choice: choice, roundTrips: roundTrips, alone: try series("a photo of \(choice.text)"),
        withClass: try series("a \(choice.text) \(classNoun)"))
    }
    return try Durable.folder(at: folder) {
      try save(drawnWords, plain, ofClass, classNoun, in: $0)
    }
  }

  private typealias Found = (choice: IdentifierPicker.Choice, roundTrips: Bool)

  private func candidates(_ classNoun: String, _ words: [String], _ count: Int) -> [Found] {
    let picker = IdentifierPicker(model.tokenizer)
    guard !words.isEmpty else {
      return picker.candidates(classNoun: classNoun, count: count).map { ($0, true) }
    }
    return words.map { word in
      if let choice = picker.check(word, classNoun: classNoun) { return (choice, true) }
      return (.init(text: word, tokens: model.tokenizer.tokens(of: word)), false)
    }
  }

  // MARK: - Pictures

  /// Pictures of one prompt with every seed, and their features, `[S, D]`.
  private struct Series {
    var pictures: [PixelBuffer]
    var features: [[Float]]

    /// Mean cosine of different pictures.
    var agreement: Float {
      let pairs = features.indices.flatMap { i in features.indices.prefix(i).map { (i, $0) } }
      let sum = pairs.reduce(Float(0)) { $0 + cosine(features[$1.0], features[$1.1]) }
      return pairs.isEmpty ? 1 : sum / Float(pairs.count)
    }

    /// Mean 1 - cosine of pictures with the same seed.
    func shift(from other: Series) -> Float {
      let cosines = zip(features, other.features).map { cosine($0, $1) }
      return 1 - cosines.reduce(0, +) / Float(cosines.count)
    }

    private func cosine(_ a: [Float], _ b: [Float]) -> Float {
      zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  private struct Word {
    var choice: IdentifierPicker.Choice
    var roundTrips: Bool
    var alone: Series
    var withClass: Series
  }

  private func draw(_ prompt: String) throws -> Series {
    var denoising = try TextToImage.Denoising(
      model, prompts: settings.seeds.map { _ in prompt },
      sources: settings.seeds.map(PictureSource.init(seed:)),
      TextToImage.Settings(
        width: size, height: size, sampler: settings.sampler, steps: settings.steps,
        guidance: settings.guidance))
    while denoising.next() != nil {}
    let pictures = try denoising.pictures()
    return Series(pictures: pictures, features: pictures.map(features))
  }

  /// A unit vector: of the encoder, or, where there is none, of 8 x 8 colours about their mean.
  private func features(_ picture: PixelBuffer) -> [Float] {
    if let clip { return clip.images([picture]).values }
    let small = picture.resized(width: 8, height: 8, kernel: .bicubic).pixels.map(Float.init)
    let mean = small.reduce(0, +) / Float(small.count)
    let norm = small.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }.squareRoot()
    return small.map { ($0 - mean) / max(norm, 1e-6) }
  }

  // MARK: - Files

  private func save(
    _ words: [Word], _ plain: Series, _ ofClass: Series, _ classNoun: String, in folder: URL
  ) throws -> IdentifierReport {
    func score(_ word: Word) -> Float {
      IdentifierReport.score(
        agreement: word.alone.agreement, baseline: plain.agreement,
        shift: word.withClass.shift(from: ofClass), classAgreement: ofClass.agreement,
        roundTrips: word.roundTrips)
    }
    // Equal scores keep the order of rarity.
    let ranked = words.enumerated().sorted {
      (-score($0.element), $0.offset) < (-score($1.element), $1.offset)
    }.map(\.element)
    func write(_ series: Series, _ name: String) throws -> [String] {
      try zip(series.pictures, settings.seeds).map { picture, seed in
        let file = "\(name)-seed\(seed).png"
        try Data(try PNGEncoder.encode(picture)).write(to: folder.appendingPathComponent(file))
        return file
      }
    }
    let rows = [ofClass.pictures] + ranked.map { $0.alone.pictures + $0.withClass.pictures }
    let labels = ["a \(classNoun)"] + ranked.map(\.choice.text)
    try Data(try PNGEncoder.encode(ImageGrid.draw(rows, rowLabels: labels)))
      .write(to: folder.appendingPathComponent("grid.png"))
    let report = IdentifierReport(
      classNoun: classNoun, baseHash: try model.hash(),
      features: clip?.name ?? "8 x 8 colours, no encoder", seeds: settings.seeds,
      sampler: settings.sampler, steps: settings.steps, guidance: settings.guidance, size: size,
      classPictures: try write(ofClass, "class"), baseline: plain.agreement,
      classAgreement: ofClass.agreement, grid: "grid.png",
      candidates: try ranked.enumerated().map { index, word in
        .init(
          rank: index + 1, text: word.choice.text, tokenIds: word.choice.tokens,
          roundTrips: word.roundTrips, score: score(word), agreement: word.alone.agreement,
          shift: word.withClass.shift(from: ofClass),
          alone: try write(word.alone, "candidate\(index + 1)-alone"),
          withClass: try write(word.withClass, "candidate\(index + 1)-class"))
      })
    try ContractJSON.encoder(pretty: true).encode(report)
      .write(to: folder.appendingPathComponent(IdentifierReport.fileName))
    return report
  }
}

extension IdentifierPicker {
  /// The rarest words that come back as themselves; failing enough of those, consonants in a fixed random order.
  func candidates(classNoun: String, count: Int) -> [Choice] {
    let letters = consonants
    let order = Philox(seed: 0).draw(.identifierChoice).permutation(count: letters.count)
    var found: [Choice] = []
    for text in rareWords.reversed() + order.map({ letters[$0] }) where found.count < count {
      guard let choice = check(text, classNoun: classNoun), !found.contains(choice) else {
        continue
      }
      found.append(choice)
    }
    return found
  }
}
