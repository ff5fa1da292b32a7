// The names of Apple's UserNotifications that the app uses.
@_exported import Foundation

public struct UNAuthorizationOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let badge = Self(rawValue: 1 << 0)
    public static let sound = Self(rawValue: 1 << 1)
    public static let alert = Self(rawValue: 1 << 2)
}

public struct UNNotificationActionOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let authenticationRequired = Self(rawValue: 1 << 0)
    public static let destructive = Self(rawValue: 1 << 1)
    public static let foreground = Self(rawValue: 1 << 2)
}

public struct UNNotificationCategoryOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let hiddenPreviewsShowTitle = Self(rawValue: 1 << 2)
}

public struct UNNotificationPresentationOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let sound = Self(rawValue: 1 << 1)
    public static let list = Self(rawValue: 1 << 3)
    public static let banner = Self(rawValue: 1 << 4)
}

open class UNNotificationAction: NSObject, @unchecked Sendable {
    public let identifier: String
    public let title: String
    public let options: UNNotificationActionOptions
    /// `actionWithIdentifier:title:options:`
    public init(identifier: String, title: String, options: UNNotificationActionOptions = []) {
        self.identifier = identifier
        self.title = title
        self.options = options
    }
}

open class UNNotificationCategory: NSObject, @unchecked Sendable {
    public let identifier: String
    public let actions: [UNNotificationAction]
    /// `categoryWithIdentifier:actions:intentIdentifiers:options:`
    public init(
        identifier: String, actions: [UNNotificationAction], intentIdentifiers: [String],
        options: UNNotificationCategoryOptions = []
    ) {
        self.identifier = identifier
        self.actions = actions
    }
}

open class UNNotificationContent: NSObject, @unchecked Sendable {
    public internal(set) var _title = "", _body = "", _category = "", _thread = ""
    public internal(set) var _info: [AnyHashable: Any] = [:]
    open var title: String { _title }
    open var body: String { _body }
    open var categoryIdentifier: String { _category }
    open var userInfo: [AnyHashable: Any] { _info }
    open override func mutableCopy() -> Any {
        let copy = UNMutableNotificationContent()
        (copy._title, copy._body, copy._category, copy._info) = (_title, _body, _category, _info)
        return copy
    }
}

open class UNMutableNotificationContent: UNNotificationContent, @unchecked Sendable {
    open override var title: String { get { _title } set { _title = newValue } }
    open override var body: String { get { _body } set { _body = newValue } }
    open override var categoryIdentifier: String { get { _category } set { _category = newValue } }
    open override var userInfo: [AnyHashable: Any] { get { _info } set { _info = newValue } }
}

open class UNNotificationRequest: NSObject, @unchecked Sendable {
    public let identifier: String
    public let content: UNNotificationContent
    public init(identifier: String, content: UNNotificationContent, trigger: UNNotificationTrigger?) {
        self.identifier = identifier
        self.content = content
    }
}

open class UNNotificationTrigger: NSObject {}

open class UNNotification: NSObject, @unchecked Sendable {
    public let request: UNNotificationRequest
    public init(_request request: UNNotificationRequest) { self.request = request }
}

open class UNNotificationResponse: NSObject, @unchecked Sendable {
    public let actionIdentifier: String
    public let notification: UNNotification
    public init(_ action: String, _ notification: UNNotification) {
        actionIdentifier = action
        self.notification = notification
    }
}

public let UNNotificationDefaultActionIdentifier = "com.apple.UNNotificationDefaultActionIdentifier"

public protocol UNUserNotificationCenterDelegate: NSObjectProtocol {
    /// `userNotificationCenter:willPresentNotification:withCompletionHandler:`
    func userNotificationCenter(
        _ center: UNUserNotificationCenter, willPresent notification: UNNotification
    ) async -> UNNotificationPresentationOptions
    /// `userNotificationCenter:didReceiveNotificationResponse:withCompletionHandler:`
    func userNotificationCenter(_ center: UNUserNotificationCenter, didReceive response: UNNotificationResponse) async
}

open class UNUserNotificationCenter: NSObject, @unchecked Sendable {
    private static let shared = UNUserNotificationCenter()
    /// `currentNotificationCenter`
    public static func current() -> UNUserNotificationCenter { shared }
    open weak var delegate: (any UNUserNotificationCenterDelegate)?
    public var _categories: Set<UNNotificationCategory> = []
    public var _delivered: [UNNotificationRequest] = []
    /// `requestAuthorizationWithOptions:completionHandler:`
    open func requestAuthorization(options: UNAuthorizationOptions = []) async throws -> Bool { true }
    /// `setNotificationCategories:`
    open func setNotificationCategories(_ categories: Set<UNNotificationCategory>) { _categories = categories }
    /// `removeAllDeliveredNotifications`
    open func removeAllDeliveredNotifications() { _delivered = [] }
    /// `addNotificationRequest:withCompletionHandler:`
    open func add(_ request: UNNotificationRequest) async throws { _delivered.append(request) }
}
