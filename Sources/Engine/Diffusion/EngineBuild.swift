/// What wrote a file: named in pictures, checkpoints and reports.
package enum EngineBuild {
  package static let version = "dreambooth 0.1.0"
}
