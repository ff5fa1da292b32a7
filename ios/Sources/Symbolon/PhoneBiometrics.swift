import LocalAuthentication

/// Whom the phone recognises: by Touch ID or by Face ID, of which a phone has one.
public final class PhoneBiometrics: Sendable {
    public init() {}

    public func available() -> [Biometric] {
        let context = LAContext()
        // The kind is known only once this was asked.
        guard context.canEvaluatePolicy(.deviceOwnerAuthenticationWithBiometrics, error: nil) else { return [] }
        switch context.biometryType {
        case .touchID: return [.fingerprint]
        case .faceID: return [.face]
        default: return []
        }
    }
}
