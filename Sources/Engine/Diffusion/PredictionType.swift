/// What the network is trained to say about `zt`, by the names of `scheduler_config.json`.
package enum PredictionType: String, Codable, Sendable, CaseIterable {
  /// the noise (Ho et al., 2006.11239)
  case epsilon
  /// sqrt(alphaBar) * noise - sqrt(1 - alphaBar) * z (Salimans & Ho, 2202.00512)
  case velocity = "v_prediction"
}
