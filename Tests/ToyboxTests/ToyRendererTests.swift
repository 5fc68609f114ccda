import Imaging
import Testing

@testable import Toybox

@Suite struct ToyRendererTests {
  private func photo(_ color: ToyColor, scene: ToyScene = .plain) -> ToyPhoto {
    var dice = ToyDice(seed: 1, index: 0)
    return ToyGrammar.photo(of: .dog, coat: ToyCoat(color), scene: scene, &dice)
  }

  @Test func `The toy has the colour of its coat`() {
    for (name, color) in ToyPalette.named {
      let picture = ToyRenderer.render(photo(color))
      let alike = (0..<picture.width * picture.height).filter { i in
        let (r, g, b) = (
          picture.pixels[3 * i], picture.pixels[3 * i + 1], picture.pixels[3 * i + 2]
        )
        return abs(Float(r) / 255 - color.red) < 0.12 && abs(Float(g) / 255 - color.green) < 0.12
          && abs(Float(b) / 255 - color.blue) < 0.12
      }
      #expect(alike.count > 250, "\(name)")
    }
  }

  @Test func `A larger side shows the same picture in finer pixels`() {
    let small = ToyRenderer.render(photo(ToyPalette.white, scene: .forest))
    let large = ToyRenderer.render(photo(ToyPalette.white, scene: .forest), side: 128)
    #expect(large.width == 128)
    var difference = 0
    for y in 0..<64 {
      for x in 0..<64 {
        difference += abs(Int(small[x, y].green) - Int(large[2 * x, 2 * y].green))
      }
    }
    #expect(difference < 64 * 64 * 8)
  }

  @Test func `Edges are smooth: a black disc on white has grey pixels around it`() {
    var canvas = ToyCanvas(side: 32) { _ in ToyColor(1, 1, 1) }
    canvas.fill(.circle(at: [0.5, 0.5], 0.3), ToyColor(0, 0, 0))
    let greys = canvas.pixels.filter { $0.red > 0.05 && $0.red < 0.95 }
    let inked = canvas.pixels.reduce(0) { $0 + 1 - $1.red }
    #expect(greys.count > 20)
    #expect(abs(inked - Float.pi * 0.09 * 1024) < 3)
  }

  @Test func `Scenes differ from each other`() {
    let pictures = ToyScene.allCases.map { ToyRenderer.render(photo(ToyPalette.white, scene: $0)) }
    for (i, a) in pictures.enumerated() {
      for b in pictures[(i + 1)...] {
        let distance = zip(a.pixels, b.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(distance > 10 * a.pixels.count)
      }
    }
  }
}
