import Foundation

@testable import SymbolonApp

/// The tree that the tests were built from.
enum Tree {
    /// The folder `ios`.
    static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let root = package.deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// The app's texts, by key and language.
    static func catalogue() throws -> [String: [String: String]] {
        let catalogue = try JSON(Data(try text("ios/Sources/SymbolonApp/Resources/Localizable.xcstrings").utf8))
        return (catalogue["strings"]?.object ?? [:]).mapValues { text in
            (text["localizations"]?.object ?? [:]).compactMapValues { $0["stringUnit"]?["value"]?.text }
        }
    }

    static func words(_ language: String) throws -> Words {
        let texts = try catalogue().compactMapValues { $0[language] }
        return Words { texts[$0] ?? $0 }
    }
}
