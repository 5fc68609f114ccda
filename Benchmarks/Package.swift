// swift-tools-version:6.1
import PackageDescription

let package = Package(
  name: "benchmarks",
  dependencies: [.package(name: "dreambooth-server", path: "..")],
  targets: [
    .executableTarget(
      name: "kernel-bench",
      dependencies: [.product(name: "CKernels", package: "dreambooth-server")],
      path: "Sources/KernelBench")
  ]
)
