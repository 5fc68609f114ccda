import Tensors
import Testing

@Suite struct DrawTests {
  let random = Philox(seed: 7)

  @Test func `a draw is a function of seed, purpose, step and index`() {
    let a = random.draw(.test, step: 1, index: 2).normal([5]).values
    #expect(a == Philox(seed: 7).draw(.test, step: 1, index: 2).normal([5]).values)
    #expect(a != Philox(seed: 8).draw(.test, step: 1, index: 2).normal([5]).values)
    #expect(a != random.draw(.test, step: 2, index: 2).normal([5]).values)
    #expect(a != random.draw(.test, step: 1, index: 1).normal([5]).values)
    #expect(a != random.draw(.flip, step: 1, index: 2).normal([5]).values)
  }

  @Test func `a longer draw begins with the shorter one`() {
    let long = random.draw(.test).normal([9]).values
    #expect(Array(long[..<6]) == random.draw(.test).normal([6]).values)
  }

  @Test func `normal draws have mean 0, variance 1 and no correlation between neighbours`() {
    let n = 200_000
    let x = random.draw(.test).normal([n]).values.map(Double.init)
    let mean = x.reduce(0, +) / Double(n)
    let variance = x.reduce(0) { $0 + $1 * $1 } / Double(n)
    let lag = zip(x, x.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / Double(n)
    // Five standard errors: 1/sqrt(n) = 0.0022, for the variance sqrt(2/n) = 0.0032.
    #expect(Swift.abs(mean) < 0.011)
    #expect(Swift.abs(variance - 1) < 0.016)
    #expect(Swift.abs(lag) < 0.011)
    #expect(x.contains { $0 > 3.5 } && x.contains { $0 < -3.5 })
  }

  @Test func `uniform draws lie in [0, 1) and fill it evenly`() {
    let x = random.draw(.test).uniform([100_000]).values
    #expect(x.allSatisfy { $0 >= 0 && $0 < 1 })
    var bins = [Int](repeating: 0, count: 10)
    for value in x { bins[Int(value * 10)] += 1 }
    // Five standard deviations of a bin: sqrt(100000 * 0.1 * 0.9) = 95.
    #expect(bins.allSatisfy { Swift.abs($0 - 10_000) < 475 })
  }

  @Test func `integers cover their range and permutations hold each number once`() {
    let integers = random.draw(.test).integers(count: 5000, below: 7)
    #expect(Set(integers) == Set(0..<7))
    for count in [0, 1, 2, 17, 100] {
      #expect(
        random.draw(.test, index: count).permutation(count: count).sorted() == Array(0..<count))
    }
    #expect(random.draw(.test, index: 100).permutation(count: 100) != Array(0..<100))
  }
}
