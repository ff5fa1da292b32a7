import Foundation
import Testing

@testable import SymbolonApp

/// What the app says, and what its project promises.
@Suite struct CatalogueTests {
    @Test func everyWordIsThereInBothLanguagesAndIsUsed() throws {
        let catalogue = try Tree.catalogue()
        #expect(Set(catalogue.keys) == Set(Word.allCases.map(\.rawValue)))
        let place = /%\d\$(lld|@)/
        for (key, texts) in catalogue {
            #expect(Set(texts.keys) == ["de", "en"], "\(key)")
            let places = texts.values.map { text in Set(text.matches(of: place).map { String($0.output.0) }) }
            #expect(Set(places).count == 1, "\(key)")
        }
        let sources = try code("ios/Sources/SymbolonApp").filter { !$0.key.hasSuffix("Words.swift") }.values.joined()
        for word in Word.allCases where word != .wake {
            #expect(sources.contains(".\(word)") || sources.contains(".`\(word)`"), "\(word) is never said")
        }
    }

    /// Both apps say the same.
    @Test func theWordsAreThoseOfAndroid() throws {
        let catalogue = try Tree.catalogue()
        for (folder, language) in [("values", "en"), ("values-de", "de")] {
            let strings = try Tree.text("android/app/src/main/res/\(folder)/strings.xml")
            var compared = 0
            for match in strings.matches(of: /<string name="([a-z_]+)">(.*)<\/string>/) {
                guard let ours = catalogue[String(match.output.1)]?[language] else { continue }
                let theirs = match.output.2.replacing(/%(\d)\$s/) { "%\($0.output.1)$@" }
                    .replacing(/%(\d)\$d/) { "%\($0.output.1)$lld" }.replacing("\\'", with: "'")
                #expect(ours == theirs, "\(match.output.1)")
                compared += 1
            }
            #expect(compared > 100)
        }
    }

    @Test func theProjectAsksForNoMoreThanTheAppNeeds() throws {
        let info = try plist("Info.plist")
        let types = info["CFBundleURLTypes"] as? [[String: Any]] ?? []
        #expect(types.compactMap { $0["CFBundleURLSchemes"] as? [String] } == [["symbolon"]])
        let asked = Set(info.keys.filter { $0.hasSuffix("UsageDescription") })
        #expect(asked == ["NSCameraUsageDescription", "NSFaceIDUsageDescription"])
        #expect(info["NSAppTransportSecurity"] == nil && info["UIBackgroundModes"] == nil)
        let entitlements = try plist("Symbolon.entitlements")
        #expect(entitlements["com.apple.developer.default-data-protection"] as? String == "NSFileProtectionComplete")
        #expect(entitlements["com.apple.developer.devicecheck.appattest-environment"] as? String == "production")
        let privacy = try plist("PrivacyInfo.xcprivacy")
        #expect(privacy["NSPrivacyTracking"] as? Bool == false)
    }

    @MainActor @Test func theServersNotificationNamesTheAppsWordsAndAnswers() throws {
        let courier = try Tree.text("server/src/notify/apns.rs")
        #expect(courier.contains("\"loc-key\": \"\(Word.wake.rawValue)\""))
        #expect(courier.contains("\"category\": \"\(AppDelegate.category)\""))
    }

    private func plist(_ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: Tree.package.appendingPathComponent("App/\(name)"))
        let read = try PropertyListSerialization.propertyList(from: data, format: nil)
        return try #require(read as? [String: Any])
    }

    private func code(_ folder: String) throws -> [String: String] {
        let root = Tree.root.appendingPathComponent(folder)
        let files = try #require(FileManager.default.enumerator(atPath: root.path)).compactMap { $0 as? String }
        let swift = files.filter { $0.hasSuffix(".swift") }
        return try Dictionary(uniqueKeysWithValues: swift.map { ($0, try Tree.text("\(folder)/\($0)")) })
    }
}
