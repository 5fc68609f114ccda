#!/bin/sh
# The kernels' tests under AddressSanitizer and UndefinedBehaviorSanitizer, on every instruction set
# that this processor has. A package of the two targets alone, so that only they are built.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root/.build-sanitize
mkdir -p "$folder/Sources/Engine" "$folder/Tests/TensorsTests"
for part in Sources/Engine/CKernels Sources/Engine/Tensors Tests/TensorsTests/Kernels; do
  ln -sfn "$root/$part" "$folder/$part"
done
cat > "$folder/Package.swift" <<'SWIFT'
// swift-tools-version:6.1
import PackageDescription

let package = Package(
  name: "dreambooth-server",  // the same, as `package` access reaches as far as the name
  targets: [
    .target(name: "CKernels", path: "Sources/Engine/CKernels"),
    .target(name: "Tensors", dependencies: ["CKernels"], path: "Sources/Engine/Tensors"),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
  ], cxxLanguageStandard: .cxx17)
SWIFT
# The thread team lives until the process ends, which is no leak. Undefined behaviour traps, as Swift
# brings no runtime that would tell of it.
ASAN_OPTIONS=detect_leaks=0 swift test --package-path "$folder" -c release --sanitize address \
  -Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined \
  -Xcxx -fsanitize=undefined -Xcxx -fsanitize-trap=undefined
