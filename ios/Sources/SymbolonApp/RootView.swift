import SwiftUI

/// The one window of the app: the screen, and what hides it.
public struct RootView: View {
    @ObservedObject var model: Model
    @ObservedObject var recording: Recording
    @Environment(\.scenePhase) private var phase

    public init(model: Model, recording: Recording) {
        self.model = model
        self.recording = recording
    }

    public var body: some View {
        ZStack {
            if recording.isOn {
                Title(model.words[.captured])
            } else {
                ScreenView(model: model)
            }
        }
        .overlay {
            // What the app switcher keeps a picture of.
            if phase != .active { Cover() }
        }
        .onOpenURL { model.scanned(Data($0.absoluteString.utf8)) }
        .onChange(of: phase) { phase in
            switch phase {
            case .active: model.resume()
            case .background: model.leave()
            default: break
            }
        }
        .task(id: "start") { model.resume() }
    }
}

/// Nothing of what is behind it.
struct Cover: View {
    var body: some View {
        ZStack {
            Color(UIColor.systemBackground).ignoresSafeArea()
            Image(systemName: "lock.shield").font(.largeTitle).foregroundColor(.accentColor)
        }
        .accessibilityHidden(true)
    }
}

/// Whether the screen is recorded, or shown elsewhere. iOS forbids nobody to take a screenshot; a recording it tells.
@MainActor
public final class Recording: ObservableObject {
    @Published public private(set) var isOn = UIScreen.main.isCaptured
    private var watch: (any NSObjectProtocol)?

    public init() {
        let name = UIScreen.capturedDidChangeNotification
        watch = NotificationCenter.default.addObserver(forName: name, object: nil, queue: nil) { [weak self] _ in
            MainActor.assumeIsolated { self?.isOn = UIScreen.main.isCaptured }
        }
    }
}
