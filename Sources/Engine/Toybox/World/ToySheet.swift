package import Imaging

/// One picture of the whole world: a row for each class in all colours, then subjects in all places.
package struct ToySheet {
  let seed: UInt64

  package init(seed: UInt64) { self.seed = seed }

  package func draw(side: Int) -> PixelBuffer {
    let classes = ToyClass.allCases.enumerated().map { row, toy in
      ToyPalette.named.enumerated().map { column, named in
        var dice = ToyDice(seed: seed, index: row * ToyPalette.named.count + column)
        let scene = ToyScene.allCases[(row + column) % ToyScene.allCases.count]
        return ToyRenderer.render(
          ToyGrammar.photo(of: toy, coat: ToyCoat(named.color), scene: scene, &dice), side: side)
      }
    }
    let subjects = ToyClass.allCases.enumerated().map { row, toy in
      let subject = ToySubject(seed: seed &+ UInt64(row), toy: toy)
      return (0..<5).map { ToyRenderer.render(subject.photo($0), side: side) }
    }
    return ImageGrid.draw(
      classes + subjects,
      rowLabels: ToyClass.allCases.map(\.noun) + ToyClass.allCases.map { "one \($0.noun)" })
  }
}
