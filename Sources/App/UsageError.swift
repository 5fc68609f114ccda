/// Unusable arguments or input: exit code 2, one line that says what, where, and what would be right.
struct UsageError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
