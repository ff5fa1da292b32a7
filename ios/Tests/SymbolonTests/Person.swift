import Foundation
import Security
import SwiftUI
import Symbolon
import Testing

@testable import SymbolonApp

/// No step takes longer, on however slow a machine.
private let patience: TimeInterval = 60

/// Lets the main thread work until `what` is so.
@MainActor
func until(_ why: @autoclosure () -> String = "it did not happen", _ what: () -> Bool) async throws {
    let end = Date().addingTimeInterval(patience)
    while !what() {
        try #require(Date() < end, "\(why())")
        try await Task.sleep(nanoseconds: 3_000_000)
    }
}

/// Somebody with a phone, who reads the screen and taps.
@MainActor
final class Person {
    let words: Words
    let folder: String
    private(set) var model: Model
    private var window: _Window<RootView>
    private let recording = Recording()

    init(language: String = "en", link: String? = nil) throws {
        words = try Tree.words(language)
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("symbolon-phone-\(UUID().uuidString)").path
        (model, window) = Self.start(words, folder, recording)
        if let link { tapLink(link) }
    }

    private static func start(_ words: Words, _ folder: String, _ recording: Recording) -> (Model, _Window<RootView>) {
        EnvironmentValues._now.scenePhase = .active
        let model = Model(words: words) {
            try await SoftToken.open(directory: folder, platform: .phone(app: "Symbolon 0.1.0", team: "TEAM123456"))
        }
        return (model, _Window(RootView(model: model, recording: recording)))
    }

    /// The app's process dies, and the app is opened again.
    func startAgain() {
        window.close()
        (model, window) = Self.start(words, folder, recording)
    }

    /// A link is tapped, in whatever app.
    func tapLink(_ link: String) { model.scanned(Data(link.utf8)) }

    /// Goes to another app, looks at the app switcher on the way, and comes back.
    func leaveAndComeBack() {
        EnvironmentValues._now.scenePhase = .background
        model.leave()
        EnvironmentValues._now.scenePhase = .active
        model.resume()
    }

    func screen() -> _Node { window.render() }

    /// Every word on the screen.
    func text() -> String { screen().words }

    /// Everything that VoiceOver says.
    func spoken() -> String { screen().spoken }

    func sees(_ text: String) async throws {
        try await until("no “\(text)” on the screen:\n\(screen().outline())") { self.text().contains(text) }
    }

    func sees(_ word: Word) async throws { try await sees(words[word]) }
    func sees(_ word: Word, _ number: Int) async throws { try await sees(words(word, number)) }

    private func button(_ text: String) -> _Node? {
        let buttons = screen().all.filter(\.isTappable)
        return buttons.first { $0.words == text || $0.label == text } ?? buttons.first { $0.words.contains(text) }
    }

    func tap(_ text: String) async throws {
        try await until("“\(text)” can't be tapped:\n\(screen().outline())") { self.button(text)?.isEnabled == true }
        button(text)?.tap()
    }

    func tap(_ word: Word) async throws { try await tap(words[word]) }

    func type(_ field: Word, _ value: String) async throws {
        let name = words[field]
        func found() -> _Node? { screen().all.first { $0.kind == .field && $0.label == name } }
        try await until("no field “\(name)”:\n\(screen().outline())") { found() != nil }
        found()?.type(value)
    }

    func pin(_ digits: String) async throws {
        try await until("no keypad:\n\(screen().outline())") { self.button("7") != nil }
        for digit in digits { try await tap(String(digit)) }
    }

    /// Chooses a PIN and repeats it.
    func choosePin(_ digits: String) async throws {
        try await sees(.choosePin)
        try await pin(digits)
        try await sees(.repeatPin)
        try await pin(digits)
    }

    /// The large digits on the screen.
    func digits() throws -> String {
        let large = screen().all.first { $0.kind == .text && $0.isPrivate && !$0.text.isEmpty }
        return try #require(large, "\(screen().outline())").text.filter { !$0.isWhitespace }
    }
}
