import Diffusion
import Tensors

/// Text states of prompts: computed once while nothing in the text path learns, anew in each step while something does.
final class PromptStates {
  private let model: StableDiffusion
  private var kept: [String: Tensor] = [:]

  init(_ model: StableDiffusion) { self.model = model }

  /// - Parameter learns: whether the meaning of a prompt may have changed since it was last asked for
  /// - Returns: `[B, T, D]`
  func callAsFunction(_ texts: [String], learns: Bool) -> Tensor {
    if learns { kept = [:] }
    let distinct = texts.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let states = learns ? learning(distinct) : distinct.map(frozen)
    let rows = texts.map { text in states[distinct.firstIndex(of: text) ?? 0] }
    return rows.count == 1 ? rows[0] : concatenated(rows, axis: 0)
  }

  /// All in one pass, each `[1, T, D]`.
  private func learning(_ texts: [String]) -> [Tensor] {
    let states = model.textStates(texts)
    return texts.count == 1 ? [states] : states.split(axis: 0, parts: texts.count)
  }

  private func frozen(_ text: String) -> Tensor {
    if let states = kept[text] { return states }
    let states = withoutGradients { model.textStates([text]) }
    kept[text] = states
    return states
  }
}
