// swift-tools-version:6.1
import PackageDescription

let strict: [SwiftSetting] =
  ["ExistentialAny", "MemberImportVisibility", "InternalImportsByDefault"]
  .map { .enableUpcomingFeature($0) }

/// - Parameter tested: its tests look inside (`@testable`), in release builds too
func half(
  _ folder: String, _ name: String, _ dependencies: [Target.Dependency], tested: Bool = false
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(folder)/\(name)",
    swiftSettings: strict + (tested ? [.unsafeFlags(["-enable-testing"])] : []))
}

func shim(_ folder: String, _ name: String, _ libraries: [String]) -> Target {
  .target(
    name: name, path: "Sources/\(folder)/\(name)",
    linkerSettings: libraries.map { .linkedLibrary($0) })
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
]

let package = Package(
  name: "dreambooth-server",
  products: [
    .executable(name: "dreambooth", targets: ["App"]),
    .library(name: "CKernels", targets: ["CKernels"]),  // for Benchmarks
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", "4.5.2"..<"5.0.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .executableTarget(
      name: "App",
      dependencies: [
        "Contract", "HTTP", "Storage", "Jobs", "API", "CLinux",
        "Imaging", "Tensors", "Weights", "Models", "Diffusion", "Evaluation", "Training", "Toybox",
        arguments, lifecycle, unixSignals, log,
      ],
      swiftSettings: strict,
      // Swift's own libraries are linked in: the installed program runs without the toolchain.
      linkerSettings: [
        .unsafeFlags([
          "-static-stdlib", "-lCoreFoundation", "-l_FoundationICU", "-l_FoundationCShims",
          "-l_FoundationCollections",
        ])
      ]),
    .target(name: "Contract", swiftSettings: strict),

    half("Service", "HTTP", [hummingbird, log, crypto] + nio, tested: true),
    half("Service", "Storage", ["Contract", grdb, crypto, log]),
    half("Service", "Jobs", ["Contract", "Storage", "CLinux", crypto, log]),
    half("Service", "API", ["Contract", "HTTP", "Storage", "Jobs", log, yams], tested: true),
    shim("Service", "CLinux", []),

    half("Engine", "Imaging", ["CCodecs"]),
    half("Engine", "Tensors", ["CKernels"]),
    half("Engine", "Weights", ["Tensors", crypto]),
    half("Engine", "Models", ["Tensors", "Weights"]),
    half("Engine", "Diffusion", ["Contract", "Imaging", "Tensors", "Weights", "Models"]),
    half(
      "Engine", "Evaluation",
      ["Contract", "Imaging", "Tensors", "Weights", "Models", "Diffusion"]),
    half(
      "Engine", "Training",
      ["Contract", "Imaging", "Tensors", "Weights", "Models", "Diffusion", "Evaluation", crypto]),
    half(
      "Engine", "Toybox",
      [
        "Contract", "Imaging", "Tensors", "Weights", "Models", "Diffusion", "Evaluation",
        "Training",
      ], tested: true),
    shim("Engine", "CCodecs", ["png", "jpeg", "webp", "lcms2"]),
    shim("Engine", "CKernels", []),

    .target(
      name: "TestSupport", dependencies: ["Contract", "Models", "Tensors", "Weights"],
      path: "Tests/TestSupport", swiftSettings: strict),
    .target(name: "JailProbe", dependencies: ["CLinux"], path: "Tests/JailProbe"),
    tests("Architecture", []),
    tests("CLinux", ["JailProbe"]),
    tests("Contract", ["Contract"]),
    tests("HTTP", ["HTTP"]),
    tests("Storage", ["Storage", "Contract"]),
    tests("Jobs", ["Jobs", "Storage", "Contract", "CLinux", log]),
    tests("API", ["API", "HTTP", "Jobs", "Storage", "Contract", yams]),
    tests("Imaging", ["Imaging", "Contract"]),
    tests("Tensors", ["Tensors"]),
    tests("Weights", ["Weights", "Tensors"]),
    tests("Models", ["Models", "Weights", "Tensors"]),
    tests("Diffusion", ["Diffusion", "Models", "Weights", "Tensors", "Imaging", "Contract"]),
    tests(
      "Evaluation",
      ["Evaluation", "Diffusion", "Models", "Weights", "Tensors", "Imaging", "Contract"]),
    tests(
      "Training",
      [
        "Training", "Diffusion", "Models", "Weights", "Tensors", "Imaging", "Contract",
        "Evaluation",
      ]),
    tests(
      "Toybox", ["Toybox", "Diffusion", "Imaging", "Models", "Tensors", "Weights"]),
    tests("System", ["Contract", "Imaging"]),
  ],
  cxxLanguageStandard: .cxx17
)
