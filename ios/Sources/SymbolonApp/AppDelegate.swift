import Symbolon
import UIKit
import UserNotifications

/// What the system tells the app besides its screens: where it is woken, and that it was.
@MainActor
public final class AppDelegate: UIResponder, UIApplicationDelegate, UNUserNotificationCenterDelegate {
    /// Where Apple's push service wakes the phone.
    static let wakeUps = WakeUps(topic: Bundle.main.bundleIdentifier ?? "dev.symbolon.app", isSandbox: AppDelegate.isSandbox)

    /// What every wake-up is of: servers name it, and what can be done with it is said here.
    static let category = "wake"

    private weak var model: Model?
    /// What the person has answered before there was a model: the app was started by it.
    private var early: Decision?

    #if DEBUG
    private static let isSandbox = true
    #else
    private static let isSandbox = false
    #endif

    public func application(
        _ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool {
        UNUserNotificationCenter.current().delegate = self
        return true
    }

    /// Asks the person whether they may be notified, and says to `model` what the system answers.
    func offerNotifications(for model: Model) async {
        self.model = model
        let words = model.words
        model.whenAnswerable = { Self.offerAnswers($0, in: words) }
        if let early { model.answer(early) }
        early = nil
        let isAllowed = try? await UNUserNotificationCenter.current().requestAuthorization(options: [.alert, .sound])
        if isAllowed == true {
            UIApplication.shared.registerForRemoteNotifications()
        } else {
            Self.wakeUps.refused()
            await model.tellAddress()
        }
    }

    public func application(_ application: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken deviceToken: Data) {
        Self.wakeUps.registered(deviceToken)
        Task { await model?.tellAddress() }
    }

    public func application(_ application: UIApplication, didFailToRegisterForRemoteNotificationsWithError error: any Error) {
        // The next start asks again; the servers go on with what they know.
    }

    /// Woken while the app is in front: what waits appears there, and needs no banner.
    nonisolated public func userNotificationCenter(
        _ center: UNUserNotificationCenter, willPresent notification: UNNotification
    ) async -> UNNotificationPresentationOptions {
        await model?.look()
        return []
    }

    /// The notification was tapped or answered: the app opens, and asks the servers.
    nonisolated public func userNotificationCenter(
        _ center: UNUserNotificationCenter, didReceive response: UNNotificationResponse
    ) async {
        await opened(by: response.actionIdentifier)
        center.removeAllDeliveredNotifications()
    }

    private func opened(by action: String) {
        let decision = Decision.ofNotifications.first { $0.word.rawValue == action }
        switch (decision, model) {
        case (nil, let model): model?.look()
        case (let decision?, let model?): model.answer(decision)
        case (let decision?, nil): early = decision
        }
    }

    /// Has the system offer the answers with each notification, or none. Each of them opens the app, on a phone that is
    /// unlocked.
    private static func offerAnswers(_ isAnswerable: Bool, in words: Words) {
        let actions = Decision.ofNotifications.map { decision in
            UNNotificationAction(
                identifier: decision.word.rawValue, title: words[decision.word],
                options: [.authenticationRequired, .foreground])
        }
        let wake = UNNotificationCategory(identifier: category, actions: isAnswerable ? actions : [], intentIdentifiers: [])
        UNUserNotificationCenter.current().setNotificationCategories([wake])
    }
}

extension Decision {
    /// What a notification offers, in this order.
    static let ofNotifications: [Decision] = [.confirm, .cancel, .concern]

    /// How it is called.
    var word: Word {
        switch self {
        case .confirm: .confirm
        case .cancel: .cancel
        case .concern: .concern
        }
    }
}
