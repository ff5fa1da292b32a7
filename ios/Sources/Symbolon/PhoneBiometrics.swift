import LocalAuthentication

/// Whom the phone recognises: by Touch ID or by Face ID, of which a phone has one.
public final class PhoneBiometrics: Sendable {
    public init() {}

    public func available() -> [Biometric] {
        let context = LAContext()
        var error: NSError?
        // The kind is known only once this was asked. After too many failures it is still set up: its key says so when it is
        // used.
        guard
            context.canEvaluatePolicy(.deviceOwnerAuthenticationWithBiometrics, error: &error)
                || error?.code == LAError.Code.biometryLockout.rawValue
        else { return [] }
        switch context.biometryType {
        case .touchID: return [.fingerprint]
        case .faceID: return [.face]
        default: return []
        }
    }
}
