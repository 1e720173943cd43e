// swift-tools-version: 6.1
import PackageDescription

// One place for the language rules every target follows.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

// A target of its own, so that a commit rebuilds one small file.
let commit =
  Context.gitInformation.map {
    $0.currentCommit.prefix(12) + ($0.hasUncommittedChanges ? "+" : "")
  } ?? ""

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
  name: "swift-dist-train",
  products: [
    .executable(name: "swift-dist-train", targets: ["swift-dist-train"]),
    .library(name: "DistTrain", targets: ["DistTrain"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // System libraries: five-line module maps with static inline shims.
    .systemLibrary(
      name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    // Mathematics: no target here knows MPI.
    .target(name: "CKernels"),
    .target(name: "CBuildInfo", cSettings: [.define("BUILD_COMMIT", to: "\"\(commit)\"")]),
    library("Basics", ["CKernels"]),
    library("Graph", ["Basics", "CKernels", "COneDNN"]),
    library("Models", ["Basics", "Graph", yams]),
    library("Optimizers", ["Basics", "CKernels"]),
    .target(
      name: "Datasets", dependencies: ["Basics", "CKernels", "CZlib"],
      resources: [.embedInCode("Embedded/digits.csv.gz"), .embedInCode("Embedded/diabetes.csv")],
      swiftSettings: settings),

    // Ranks.
    library("MPI", ["Basics", "COpenMPI"]),
    library("DataParallel", ["Basics", "CKernels", "MPI"]),

    // The product.
    library("Reports", ["Basics", logging]),
    library(
      "Training",
      [
        "Basics", "CBuildInfo", "CKernels", "DataParallel", "Datasets", "Graph", "Models", "MPI",
        "Optimizers",
        "Reports", crypto, logging, yams,
      ]),
    .executableTarget(
      name: "swift-dist-train",
      dependencies: ["Basics", "DataParallel", "MPI", "Reports", "Training", argumentParser],
      swiftSettings: settings),

    // For a Swift program that trains its own model.
    library("DistTrain", ["Basics", "DataParallel", "Graph", "Models", "Training"]),
    .executableTarget(
      name: "CustomModel", dependencies: ["DistTrain"], path: "Sources/Examples/CustomModel",
      swiftSettings: settings),

    // Mathematics in process; ranks by mpirun on the built program.
    .target(
      name: "TestSupport", dependencies: ["Basics", "CKernels", "Graph"],
      path: "Tests/TestSupport", resources: [.copy("Golden")], swiftSettings: settings),
    .target(name: "CAllocations", path: "Tests/CAllocations"),
    tests("BasicsTests", ["Basics", "TestSupport"]),
    tests("DatasetsTests", ["Basics", "CZlib", "Datasets"]),
    tests("OptimizersTests", ["Basics", "CKernels", "Optimizers", "TestSupport"]),
    tests("GraphTests", ["Basics", "CAllocations", "CKernels", "Graph", "TestSupport"]),
    tests(
      "ModelsTests",
      ["Basics", "CKernels", "DataParallel", "Graph", "Models", "Optimizers", "TestSupport"]),
    tests("DataParallelTests", ["Basics", "CKernels", "DataParallel", "TestSupport"]),
    tests(
      "TrainingTests",
      [
        "Basics", "CKernels", "DataParallel", "Datasets", "Graph", "Optimizers", "Reports",
        "TestSupport", "Training",
      ]),
    tests("IntegrationTests", ["swift-dist-train"]),
  ]
)
