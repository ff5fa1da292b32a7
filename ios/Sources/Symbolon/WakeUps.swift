import Foundation

/// Where Apple's push service wakes this phone. An app hands over what the system tells it, and calls `renewPushAddresses` then.
public final class WakeUps: Wake, @unchecked Sendable {
    private enum State {
        case unanswered
        case refused
        case known(Data)
    }

    private let topic: String
    private let isSandbox: Bool
    private let lock = NSLock()
    private var state = State.unanswered

    /// `topic` is the app's bundle identifier; `isSandbox` says that the app was built for Apple's sandbox.
    public init(topic: String, isSandbox: Bool) {
        self.topic = topic
        self.isSandbox = isSandbox
    }

    /// From `application(_:didRegisterForRemoteNotificationsWithDeviceToken:)`.
    public func registered(_ token: Data) {
        lock.withLock { state = .known(token) }
    }

    /// The person wants no notifications, or the system has none.
    public func refused() {
        lock.withLock { state = .refused }
    }

    public func isWebPush() -> Bool { false }

    public func address(serial: String, webPushKey: Data?) async throws -> PushAddress? {
        switch lock.withLock({ state }) {
        case .unanswered: throw WakeError.Unavailable(reason: "the system has given no token yet")
        case .refused: return nil
        case .known(let token):
            let digits = token.map { String(format: "%02x", $0) }.joined()
            return .apns(token: digits, topic: topic, sandbox: isSandbox)
        }
    }
}
