import Contract
import Foundation
import Imaging

/// The report as one picture: what ran, what came of it, loss curves, and the previews of the base above those of each
/// checkpoint on the same prompts and seeds.
struct ReportBuilder {
  let report: WorkReport
  let photos: [PixelBuffer]
  let previews: [PreviewSampler.Preview]

  private static let width = 760
  private static let instanceColor = RGB(31, 119, 180)
  private static let priorColor = RGB(230, 120, 20)

  /// All previews so far, below the attempt's folder.
  static let gridFile = "samples/grid.png"

  /// Rows are steps, columns prompts and seeds; the photos stand on top.
  static func grid(photos: [PixelBuffer], previews: [PreviewSampler.Preview]) -> PixelBuffer {
    let columns = previews.reduce(into: [String]()) { labels, preview in
      let label = label(preview.sample)
      if !labels.contains(label) { labels.append(label) }
    }
    let steps = Set(previews.map(\.sample.step)).sorted()
    let rows = steps.map { step in
      columns.map { column in
        previews.first { $0.sample.step == step && label($0.sample) == column }
          .map { thumbnail($0.pixels) }
      }
    }
    return ImageGrid.draw(
      [photos.map(thumbnail)] + rows,
      rowLabels: ["photos"] + steps.map { $0 == 0 ? "base" : "step \($0)" }, columnLabels: columns)
  }

  var picture: PixelBuffer {
    let head = lines.joined(separator: "\n")
    let grid = Self.grid(photos: photos, previews: previews)
    let (margin, chartHeight) = (12, 200)
    let headHeight = Canvas.size(of: head).height
    let width = max(Self.width, grid.width, Canvas.size(of: head).width + 2 * margin)
    var canvas = Canvas(
      width: width, height: headHeight + chartHeight + grid.height + 4 * margin)
    canvas.text(head, x: margin, y: margin)
    drawLosses(
      &canvas, x: margin, y: headHeight + 2 * margin, width: width - 2 * margin,
      height: chartHeight)
    canvas.blit(grid, x: 0, y: headHeight + chartHeight + 3 * margin)
    return canvas.picture
  }

  /// The verdicts of intake, with the findings that are more than a note.
  private var photoLine: String {
    let findings = report.images.flatMap { image in
      image.findings.filter { $0.code.verdict != .accepted }.map { $0.code.rawValue }
    }
    let warnings = Set(findings).sorted().joined(separator: ", ")
    return "\(report.images.count) photos, "
      + (findings.isEmpty ? "all accepted" : "warnings: \(warnings)")
  }

  private var timeLine: String {
    let phases = report.phaseSeconds.sorted { $0.value > $1.value }.prefix(4)
    let total = report.phaseSeconds.values.reduce(0, +)
    return "\(Int(total.rounded())) s ("
      + phases.map { "\($0.key) \(Int($0.value.rounded()))" }.joined(separator: ", ")
      + "), peak memory \(report.peakMemoryBytes >> 20) MiB, \(report.instructionSet), "
      + "\(report.threads) threads"
  }

  /// What a reader wants first: the run, and the base beside the tuned model.
  private var lines: [String] {
    let recipe = report.recipe
    var lines = [
      "\(recipe.method.title)  \"\(report.identifier)\", \(recipe.classNoun)  \(report.baseModel)",
      "\(recipe.training.steps) steps, rate \(recipe.training.learningRate), "
        + (recipe.prior.enabled
          ? "prior weight \(recipe.prior.weight) on \(recipe.prior.images) class pictures"
          : "no prior") + ", seed \(recipe.training.seed)",
      photoLine, timeLine,
    ]
    lines += recipe.samples.prompts.enumerated().map { "prompt \($0): \($1)" }
    if let rows = report.evaluation?.rows, let base = rows.first, let last = rows.last {
      lines += [
        "CLIP-I  base \(two(base.clipImage))  step \(last.step) \(two(last.clipImage))  "
          + Self.verdict(last.clipImage - base.clipImage, "closer to", "further from")
          + " the photos",
        "CLIP-T  base \(two(base.clipText))  step \(last.step) \(two(last.clipText))  "
          + Self.verdict(last.clipText - base.clipText, "closer to", "further from")
          + " the prompt",
      ]
    } else {
      lines.append("No figures: \(report.absent["clip_i"] ?? "none were asked for")")
    }
    return lines
  }

  private static func verdict(_ change: Float, _ up: String, _ down: String) -> String {
    abs(change) < 0.02 ? "about as close to" : change > 0 ? up : down
  }

  private func two(_ x: Float) -> String { String(format: "%.3f", x) }

  /// Curves of both loss parts, each point a mean over a fortieth of the run.
  private func drawLosses(_ canvas: inout Canvas, x: Int, y: Int, width: Int, height: Int) {
    canvas.frame(x: x, y: y, width: width, height: height, RGB(160, 160, 160))
    let curves = [
      (smoothed { $0.instance }, Self.instanceColor, "instance loss"),
      (smoothed { $0.prior }, Self.priorColor, "prior loss"),
    ].filter { !$0.0.isEmpty }
    guard let top = curves.flatMap({ $0.0.map(\.value) }).max(), top > 0 else { return }
    let last = report.losses.last?.step ?? 1
    for (i, (points, color, name)) in curves.enumerated() {
      canvas.polyline(
        points.map { point in
          (
            x: x + 1 + (width - 3) * point.step / max(last, 1),
            y: y + height - 2 - Int(Float(height - 24) * point.value / top)
          )
        }, color, thickness: 2)
      canvas.text(name, x: x + 8 + i * 140, y: y + 4, color)
    }
    canvas.text("max \(two(top)), steps 1 to \(last)", x: x + 300, y: y + 4, RGB(96, 96, 96))
  }

  private func smoothed(_ value: (WorkReport.LossPoint) -> Float?)
    -> [(step: Int, value: Float)]
  {
    let points = report.losses.compactMap { point in value(point).map { (point.step, $0) } }
    let window = max(1, points.count / 40)
    return stride(from: 0, to: points.count, by: window).map { first in
      let part = points[first..<min(first + window, points.count)]
      return (part[part.endIndex - 1].0, part.reduce(0) { $0 + $1.1 } / Float(part.count))
    }
  }

  private static func label(_ sample: WorkEvent.Sample) -> String {
    "prompt \(sample.promptIndex) seed \(sample.seed)"
  }

  /// Small pictures are doubled so that a person can see them, large ones shrunk.
  private static func thumbnail(_ picture: PixelBuffer) -> PixelBuffer {
    let side = max(picture.width, picture.height)
    let factor = side <= 96 ? 2 : min(1, 192 / Double(side))
    return picture.resized(
      width: max(1, Int(Double(picture.width) * factor)),
      height: max(1, Int(Double(picture.height) * factor)), kernel: factor > 1 ? .box : .lanczos3)
  }
}
