import Symbolon
import UIKit
import UserNotifications

/// What the system tells the app besides its screens: where it is woken, and that it was.
@MainActor
public final class AppDelegate: UIResponder, UIApplicationDelegate, UNUserNotificationCenterDelegate {
    /// Where Apple's push service wakes the phone.
    static let wakeUps = WakeUps(topic: Bundle.main.bundleIdentifier ?? "dev.symbolon.app", isSandbox: AppDelegate.isSandbox)

    private weak var model: Model?

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

    /// The notification was tapped: the app opens, and asks the servers.
    nonisolated public func userNotificationCenter(
        _ center: UNUserNotificationCenter, didReceive response: UNNotificationResponse
    ) async {
        await model?.look()
        center.removeAllDeliveredNotifications()
    }
}
