// The names of Apple's UIKit that the app uses.
@_exported import Foundation

@MainActor open class UIResponder: NSObject {
    nonisolated public required override init() {}
}

public struct UIColor: Sendable {
    public static let secondarySystemBackground = UIColor(), systemBackground = UIColor()
}

public enum UIKeyboardType: Int, Sendable { case `default`, asciiCapable, numbersAndPunctuation, URL, numberPad }

public struct UITextContentType: Sendable { public static let oneTimeCode = UITextContentType() }

@MainActor open class UIPasteboard: NSObject {
    public struct OptionsKey: Hashable, Sendable {
        let name: String
        public static let expirationDate = OptionsKey(name: "expirationDate")
        public static let localOnly = OptionsKey(name: "localOnly")
    }

    /// `generalPasteboard`
    public static let general = UIPasteboard()
    public var _items: [[String: Any]] = []
    public var _options: [OptionsKey: Any] = [:]

    /// `setItems:options:`
    open func setItems(_ items: [[String: Any]], options: [OptionsKey: Any] = [:]) {
        _items = items
        _options = options
    }
}

@MainActor open class UIScreen: NSObject {
    public static let main = UIScreen()
    nonisolated public static let capturedDidChangeNotification = Notification.Name("UIScreenCapturedDidChangeNotification")
    /// Set by the test: it tells as the system does.
    /// `isCaptured`
    open var isCaptured = false {
        didSet { NotificationCenter.default.post(name: Self.capturedDidChangeNotification, object: self) }
    }
}

@MainActor public enum UIAccessibility {
    public struct Notification: Sendable {
        public static let announcement = Notification()
        public static let screenChanged = Notification()
    }

    public static var _announced: [String] = []
    public static func post(notification: Notification, argument: Any?) {
        if let text = argument as? String { _announced.append(text) }
    }
}

@MainActor open class UIApplication: UIResponder {
    public struct LaunchOptionsKey: Hashable, Sendable { let name: String }
    public static let shared = UIApplication()
    public var _isRegistered = false
    /// `registerForRemoteNotifications`
    open func registerForRemoteNotifications() { _isRegistered = true }
}

public enum UIBackgroundFetchResult: UInt, Sendable { case newData, noData, failed }

@MainActor public protocol UIApplicationDelegate: NSObjectProtocol {
    /// `application:didFinishLaunchingWithOptions:`
    func application(
        _ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?) -> Bool
    /// `application:didRegisterForRemoteNotificationsWithDeviceToken:`
    func application(_ application: UIApplication, didRegisterForRemoteNotificationsWithDeviceToken deviceToken: Data)
    /// `application:didFailToRegisterForRemoteNotificationsWithError:`
    func application(_ application: UIApplication, didFailToRegisterForRemoteNotificationsWithError error: any Error)
}

@MainActor open class UIView: NSObject {
    open var bounds = CGRect.zero
    open var layer = CALayer()
}

@MainActor open class CALayer: NSObject {
    open var frame = CGRect.zero
    open func addSublayer(_ layer: CALayer) {}
}

@MainActor open class UIViewController: UIResponder {
    open var view: UIView! = UIView()
    /// `viewDidLoad`
    open func viewDidLoad() {}
    /// `viewWillAppear:`
    open func viewWillAppear(_ animated: Bool) {}
    /// `viewDidLayoutSubviews`
    open func viewDidLayoutSubviews() {}
    /// `viewWillDisappear:`
    open func viewWillDisappear(_ animated: Bool) {}
}
