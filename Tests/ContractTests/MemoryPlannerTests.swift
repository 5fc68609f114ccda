import Contract
import Testing

@Suite struct MemoryPlannerTests {
  private func planner(accumulates: Bool = false) -> MemoryPlanner {
    MemoryPlanner(
      resident: 1000, gradients: (all: 500, ofOneLayer: 50),
      layers: (inputs: [1, 1, 1, 1], kept: [10, 40, 20, 30]), accumulates: accumulates)
  }

  @Test func `with room for everything nothing is computed twice and gradients are kept`() {
    let plan = planner().plan(budget: 2000)
    #expect(plan.recomputedLayers == [] && !plan.appliesGradientsAtOnce)
    // All layers keep theirs, and the last one's gradients come on top.
    #expect(plan.expected == 1000 + 500 + 4 + 100 + 30)
  }

  @Test func `with less room the layers that keep most are computed twice, and no more`() {
    #expect(planner().plan(budget: 1634).recomputedLayers == [])
    let plan = planner().plan(budget: 1633)
    #expect(plan.recomputedLayers == [1] && !plan.appliesGradientsAtOnce)
    #expect(plan.expected <= 1633)
    // What layer 1 meets, its own and what layer 0 keeps, is the most then.
    #expect(planner().plan(budget: 1500 + 4 + 90 - 1).recomputedLayers == [0, 1, 2, 3])
  }

  @Test func `gradients are applied at once where they do not fit, never where batches add up`() {
    let least = planner().peak(recomputing: [0, 1, 2, 3], keepsGradients: true)
    #expect(!planner().plan(budget: least).appliesGradientsAtOnce)
    let tight = planner().plan(budget: least - 1)
    // What the gradients leave is spent on activations.
    #expect(tight.appliesGradientsAtOnce && tight.recomputedLayers == [])
    #expect(!planner(accumulates: true).plan(budget: least - 1).appliesGradientsAtOnce)
  }

  @Test func `what cannot fit is said, not hidden`() {
    let plan = planner().plan(budget: 1)
    #expect(plan.recomputedLayers == [0, 1, 2, 3] && plan.expected > plan.budget)
  }
}
