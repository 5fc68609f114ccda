@main
struct Dreambooth {
  static func main() {}
}
