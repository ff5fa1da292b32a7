import Symbolon
import SwiftUI

/// The app.
public struct SymbolonApplication: App {
    @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate
    @StateObject private var model: Model
    @StateObject private var recording = Recording()

    public init() {
        let wakeUps = AppDelegate.wakeUps
        let open = { try await SoftToken.open(app: "Symbolon 0.1.0", team: Self.team, wake: wakeUps) }
        _model = StateObject(wrappedValue: Model(open: open))
    }

    public var body: some Scene {
        WindowGroup {
            RootView(model: model, recording: recording)
                .task(id: "notifications") { await delegate.offerNotifications(for: model) }
        }
    }

    /// The team that signs the app, as `App/Info.plist` has it from the build.
    private static let team = Bundle.main.object(forInfoDictionaryKey: "SymbolonTeam") as? String
}
