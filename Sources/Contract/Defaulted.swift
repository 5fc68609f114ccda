/// A part of a recipe that older recipes do not have: absent, it is what `init()` makes, so that a recipe stored
/// before a feature existed still says what it said.
package protocol Defaulted: Codable {
  init()
}

extension KeyedDecodingContainer {
  package func decode<T: Defaulted>(_ type: T.Type, forKey key: Key) throws -> T {
    try decodeIfPresent(type, forKey: key) ?? T()
  }
}

extension [TrainingRecipe.Subject]: Defaulted {}
