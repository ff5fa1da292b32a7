import DeviceCheck
import Foundation
import LocalAuthentication
import Security

/// What Apple's frameworks answer, in the soft token's words. Everything that is not named here is `Unavailable`, with its code.
extension KeysError {
    static func of(_ status: OSStatus, opening: Bool = false) -> KeysError {
        switch status {
        case errSecItemNotFound, errSecInvalidKeyRef: .Missing
        case errSecUserCanceled, errSecAuthFailed: .Cancelled
        // The enclave says no more of a text that it can't open.
        case errSecParam where opening, errSecDecode where opening, errSecVerifyFailed where opening: .NotSealedHere
        case errSecInteractionNotAllowed: .Unavailable(reason: "the phone is locked")
        default: .Unavailable(reason: "the keychain answers \(status)")
        }
    }

    static func of(_ error: Unmanaged<CFError>?, opening: Bool = false) -> KeysError {
        guard let error = error?.takeRetainedValue() else { return .Unavailable(reason: "the keychain gives no reason") }
        return of(error as any Error, opening: opening)
    }

    static func of(_ error: any Error, opening: Bool = false) -> KeysError {
        let error = error as NSError
        switch error.domain {
        case NSOSStatusErrorDomain: return of(OSStatus(truncatingIfNeeded: error.code), opening: opening)
        case LAErrorDomain: return of(LAError.Code(rawValue: error.code), error)
        case tokenDomain: return of(token: error)
        default: return .Unavailable(reason: "\(error.domain) \(error.code)")
        }
    }

    private static func of(_ code: LAError.Code?, _ error: NSError) -> KeysError {
        switch code {
        // Not recognised, or asked for something else: nothing was opened, and the PIN is still there.
        case .authenticationFailed, .userCancel, .userFallback, .systemCancel, .appCancel: .Cancelled
        case .biometryLockout: .LockedOut
        // Every finger and face was removed, or the passcode without which there are none: no such key is left either.
        case .biometryNotEnrolled, .passcodeNotSet: .Missing
        case .biometryNotAvailable: .Unavailable(reason: "biometrics can't be used now")
        case .notInteractive: .Unavailable(reason: "the app may not ask now")
        case .invalidContext: .Unavailable(reason: "the prompt was withdrawn")
        default: .Unavailable(reason: "\(error.domain) \(error.code)")
        }
    }

    /// The domain of CryptoTokenKit, by which the enclave answers.
    private static let tokenDomain = "CryptoTokenKit"

    /// TKError: what the enclave says of itself.
    private static func of(token error: NSError) -> KeysError {
        switch error.code {
        case -4, -5: .Cancelled
        case -6: .Missing
        case -3: .Missing
        case -9: .Unavailable(reason: "the phone is locked")
        default: .Unavailable(reason: "\(error.domain) \(error.code)")
        }
    }
}
