/// Pictures in rows and columns, with optional labels left of the rows and above the columns.
package enum ImageGrid {
  /// - Parameters:
  ///   - rows: pictures, row by row; rows may differ in length and `nil` leaves a gap
  ///   - rowLabels, columnLabels: one per row and column, or none
  ///   - spacing: pixels between pictures and around them
  package static func draw(
    _ rows: [[PixelBuffer?]], rowLabels: [String] = [], columnLabels: [String] = [],
    spacing: Int = 4, background: RGB = .white
  ) -> PixelBuffer {
    let pictures = rows.joined().compactMap { $0 }
    let columns = max(rows.map(\.count).max() ?? 0, columnLabels.count)
    let cellWidth = max(
      pictures.map(\.width).max() ?? 1,
      columnLabels.map { Canvas.size(of: $0).width }.max() ?? 0)
    let cellHeight = max(
      pictures.map(\.height).max() ?? 1, rowLabels.map { Canvas.size(of: $0).height }.max() ?? 0)
    let rowLabel = rowLabels.map { Canvas.size(of: $0).width }.max() ?? 0
    let columnLabel = columnLabels.map { Canvas.size(of: $0).height }.max() ?? 0
    let left = rowLabel == 0 ? spacing : rowLabel + 2 * spacing
    let top = columnLabel == 0 ? spacing : columnLabel + 2 * spacing

    var canvas = Canvas(
      width: left + columns * (cellWidth + spacing),
      height: top + max(rows.count, rowLabels.count) * (cellHeight + spacing), fill: background)
    let ink: RGB = background == .black ? .white : .black
    for (column, label) in columnLabels.enumerated() {
      canvas.text(label, x: left + column * (cellWidth + spacing), y: spacing, ink)
    }
    for (row, label) in rowLabels.enumerated() {
      let middle = (cellHeight - Canvas.size(of: label).height) / 2
      canvas.text(label, x: spacing, y: top + row * (cellHeight + spacing) + middle, ink)
    }
    for (row, line) in rows.enumerated() {
      for (column, picture) in line.enumerated() {
        guard let picture else { continue }
        canvas.blit(
          picture, x: left + column * (cellWidth + spacing), y: top + row * (cellHeight + spacing))
      }
    }
    return canvas.picture
  }
}
