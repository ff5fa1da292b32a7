// swift-tools-version: 6.0
import Foundation
import PackageDescription

// On Apple's systems the library in Rust is an XCFramework, which `cargo xtask package ios` makes. On Linux, where the package is tested,
// it is the one that cargo has built, and modules in `Simulators` stand in for Apple's frameworks, by their names.
var targets: [Target] = []
var phone: [Target.Dependency] = ["SymbolonBindings"]
var app: [Target.Dependency] = ["Symbolon"]
var linking: [LinkerSetting] = []
var tests: [Target] = []

#if os(Linux)
let frameworks: [(String, [Target.Dependency])] = [
    ("Security", ["CEnclave"]), ("LocalAuthentication", ["Security"]), ("CryptoKit", ["Security"]), ("DeviceCheck", ["Security", "CEnclave"]),
    ("MachO", []), ("Combine", []), ("UIKit", []), ("UserNotifications", []), ("AVFoundation", ["UIKit"]),
    ("SwiftUI", ["Combine", "UIKit"]),
]
targets += frameworks.map { .target(name: $0.0, dependencies: $0.1, path: "Simulators/\($0.0)") }
targets.append(
    .target(name: "CEnclave", path: "Simulators/CEnclave", linkerSettings: [.linkedLibrary("crypto")]))
targets.append(.systemLibrary(name: "SymbolonFFI", path: "Sources/SymbolonFFI"))
phone += ["Security", "LocalAuthentication", "CryptoKit", "DeviceCheck", "MachO"]
app += ["SwiftUI", "UIKit", "UserNotifications", "AVFoundation", "Combine"]
linking.append(.linkedLibrary("symbolon_ffi"))
tests = [
    .testTarget(
        name: "SymbolonTests",
        dependencies: ["Symbolon", "SymbolonApp"] + frameworks.map { .byName(name: $0.0) })
]
#else
targets.append(.binaryTarget(name: "SymbolonFFI", path: "SymbolonFFI.xcframework"))
#endif

let package = Package(
    name: "Symbolon",
    defaultLocalization: "en",
    platforms: [.iOS(.v16)],
    products: [
        .library(name: "Symbolon", targets: ["Symbolon"]),
        .library(name: "SymbolonApp", targets: ["SymbolonApp"]),
    ],
    targets: targets + [
        // What uniffi generates is of Swift 5, and marked for callers of Swift 6, as all else is.
        .target(
            name: "SymbolonBindings", dependencies: ["SymbolonFFI"], swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: linking),
        .target(name: "Symbolon", dependencies: phone),
        .target(name: "SymbolonApp", dependencies: app, resources: [.process("Resources")]),
    ] + tests
)
