import Imaging
import Testing

@Suite struct CanvasTests {
  private func ink(_ picture: PixelBuffer) -> [String] {
    (0..<picture.height).map { y in
      String((0..<picture.width).map { x in picture[x, y] == .black ? "#" : "." })
    }
  }

  @Test func `text is drawn in its font, also cut off at the border`() {
    var canvas = Canvas(width: 13, height: 13)
    canvas.text("I~1", x: 0, y: 0)
    #expect(
      ink(canvas.picture).prefix(11).map { String($0.prefix(6)) } == [
        "......", "......", ".###..", "..#...", "..#...", "..#...", "..#...", "..#...", "..#...",
        "..#...", ".###..",
      ])
    #expect(Canvas.size(of: "ab\ncde", scale: 2) == (36, 52))
  }

  @Test func `lines join their points and rectangles stay inside the picture`() {
    var canvas = Canvas(width: 5, height: 4)
    canvas.polyline([(0, 0), (4, 2), (4, 3)], .black)
    #expect(ink(canvas.picture) == ["#....", ".##..", "...##", "....#"])
    canvas.fill(x: -3, y: 2, width: 5, height: 9, .black)
    #expect(ink(canvas.picture)[3] == "##..#")
    canvas.fill(x: 7, y: 7, width: 2, height: 2, .black)
    canvas.blit(PixelBuffer(width: 3, height: 3, fill: .black), x: 4, y: -2)
    #expect(ink(canvas.picture)[0] == "#...#")
  }

  @Test func `a grid holds its pictures and labels apart`() {
    let tile = PixelBuffer(width: 8, height: 8, fill: RGB(255, 0, 0))
    let grid = ImageGrid.draw(
      [[tile, tile], [nil, tile]], rowLabels: ["base", "tuned"], columnLabels: ["1", "2"])
    #expect(grid.width == 5 * 6 + 8 + 2 * (8 + 4) && grid.height == 13 + 8 + 2 * (13 + 4))
    let red = (0..<grid.width * grid.height).count { i in
      grid[i % grid.width, i / grid.width] == RGB(255, 0, 0)
    }
    #expect(red == 3 * 64)
  }
}
