import Symbolon
import SwiftUI

/// The app.
public struct SymbolonApplication: App {
    @StateObject private var model = Model { try await SoftToken.open(app: "Symbolon 0.1.0", team: Self.team) }
    @StateObject private var recording = Recording()

    public init() {}

    public var body: some Scene {
        WindowGroup { RootView(model: model, recording: recording) }
    }

    /// The team that signs the app, as `App/Info.plist` has it from the build.
    private static let team = Bundle.main.object(forInfoDictionaryKey: "SymbolonTeam") as? String
}
