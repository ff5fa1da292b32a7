// The names of Apple's LocalAuthentication that the package uses.
@_exported import Foundation
import Security

public enum LAPolicy: Int, Sendable {
    case deviceOwnerAuthenticationWithBiometrics = 1
    case deviceOwnerAuthentication = 2
}

public enum LABiometryType: Int, Sendable {
    case none = 0
    case touchID = 1
    case faceID = 2
    case opticID = 4
}

public let LAErrorDomain = "com.apple.LocalAuthentication"

public struct LAError: Error, Sendable {
    public enum Code: Int, Sendable, CaseIterable {
        case authenticationFailed = -1
        case userCancel = -2
        case userFallback = -3
        case systemCancel = -4
        case passcodeNotSet = -5
        case biometryNotAvailable = -6
        case biometryNotEnrolled = -7
        case biometryLockout = -8
        case appCancel = -9
        case invalidContext = -10
        case notInteractive = -1004
    }

    public let code: Code
    public init(_ code: Code) { self.code = code }
}

public typealias NSErrorPointer = AutoreleasingUnsafeMutablePointer<NSError?>?
public typealias AutoreleasingUnsafeMutablePointer = UnsafeMutablePointer

open class LAContext: NSObject, _Asking, @unchecked Sendable {
    /// `localizedFallbackTitle`
    open var localizedFallbackTitle: String?
    /// `localizedReason`
    open var localizedReason = ""
    /// `interactionNotAllowed`
    open var interactionNotAllowed = false
    private var state: Data?
    private var type = LABiometryType.none

    public override init() {}

    /// `biometryType`
    open var biometryType: LABiometryType { type }
    /// `evaluatedPolicyDomainState`
    open var evaluatedPolicyDomainState: Data? { state }

    /// `canEvaluatePolicy:error:`
    open func canEvaluatePolicy(_ policy: LAPolicy, error: NSErrorPointer) -> Bool {
        let phone = _Phone.shared
        type = switch phone.sensor {
        case .none: .none
        case .touch: .touchID
        case .face: .faceID
        }
        let refusal: LAError.Code? =
            if !phone.hasPasscode { .passcodeNotSet }
            else if policy == .deviceOwnerAuthentication { nil }
            else if phone.sensor == .none { .biometryNotAvailable }
            else if !phone.isEnrolled { .biometryNotEnrolled }
            else if phone.isLockedOut { .biometryLockout }
            else { nil }
        if let refusal {
            error?.pointee = NSError(domain: LAErrorDomain, code: refusal.rawValue)
            return false
        }
        state = Data("\(phone.enrolment)".utf8)
        return true
    }

    /// `invalidate`
    open func invalidate() {}

    public var _reason: String { localizedReason }
    public var _mayInteract: Bool { !interactionNotAllowed && !localizedReason.isEmpty }
}
