import Foundation
import LocalAuthentication
import Security

/// Keys in the Secure Enclave. Each can be used only while the phone is unlocked, and none leaves it, by a backup or otherwise.
/// One of `KeyAccess.biometrics` asks the person by the system's prompt for each use, and the system destroys it when a
/// finger or a face is enrolled.
///
/// Where there is no enclave (the simulator), making a key fails: there is no weaker one in its place.
public final class EnclaveKeys: HardwareKeys {
    private let attestation = AppAttest()

    public init() {}

    public func createSigningKey(label: String, challenge: Data) async throws -> DeviceKey {
        try await hardware {
            let key = try EnclaveKey.create(label, .unlockedDevice)
            return DeviceKey(publicKey: try key.point(), protection: .enclave)
        }
    }

    public func createPrfKey(label: String, access: KeyAccess) async throws {
        try await hardware { _ = try EnclaveKey.create(label, access) }
    }

    public func createSealingKey(label: String, access: KeyAccess) async throws {
        try await hardware { _ = try EnclaveKey.create(label, access) }
    }

    /// The attestation object of App Attest. It holds the SHA-256 of the challenge and the signing key: App Attest
    /// attests a key of its own, which so vouches for ours.
    public func attest(label: String, challenge: Data) async throws -> Data? {
        let key = try await publicKey(label: label)
        return try await attestation.attest(label, challenge + key)
    }

    public func assertion(label: String, clientDataHash: Data) async throws -> Data? {
        try await attestation.assertion(label, clientDataHash)
    }

    public func publicKey(label: String) async throws -> Data {
        try await hardware { try EnclaveKey.find(label).point() }
    }

    public func sign(label: String, message: Data) async throws -> Data {
        try await hardware { try EnclaveKey.find(label).sign(message) }
    }

    /// Key agreement with the point that the input is hashed to (RFC 9380).
    public func prf(label: String, input: Data) async throws -> Data {
        try await hardware {
            let shared = try EnclaveKey.find(label).agree(with: try agreementPoint(input: input))
            return try agreementOutput(input: input, shared: shared)
        }
    }

    /// What is sealed by a biometric key is opened once to see that the person can open it: sealing alone takes the
    /// public half, which asks nobody.
    public func seal(label: String, plain: Data, prompt: String?) async throws -> Data {
        try await hardware {
            let key = try EnclaveKey.find(label, prompt)
            let sealed = try key.seal(plain)
            if prompt != nil { _ = try key.open(sealed) }
            return sealed
        }
    }

    public func open(label: String, sealed: Data, prompt: String?) async throws -> Data {
        try await hardware { try EnclaveKey.find(label, prompt).open(sealed) }
    }

    public func delete(label: String) async throws {
        try await hardware { try EnclaveKey.delete(label) }
    }

    /// The enclave, apart from the threads that others wait for: a prompt takes as long as the person does.
    private static let queue = DispatchQueue(label: "dev.symbolon.enclave", attributes: .concurrent)

    /// Uses the hardware, and says what happened in the soft token's words.
    private func hardware<T: Sendable>(_ use: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { waiting in
            Self.queue.async { waiting.resume(with: Result(catching: use)) }
        }
    }
}

/// One key of the enclave, found by its label.
private struct EnclaveKey {
    private let label: String
    private let key: SecKey
    private let context: LAContext?

    /// Makes a key; one of the same label is replaced.
    static func create(_ label: String, _ access: KeyAccess) throws -> EnclaveKey {
        try delete(label)
        let isBiometric = access == .biometrics
        var error: Unmanaged<CFError>?
        let control = SecAccessControlCreateWithFlags(
            kCFAllocatorDefault,
            isBiometric ? kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly : kSecAttrAccessibleWhenUnlockedThisDeviceOnly,
            isBiometric ? [.privateKeyUsage, .biometryCurrentSet] : .privateKeyUsage,
            &error)
        guard let control else { throw KeysError.of(error) }
        if isBiometric {
            try Enrolment.keep(label)
        }
        let attributes: [String: Any] = [
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeySizeInBits as String: 256,
            kSecAttrTokenID as String: kSecAttrTokenIDSecureEnclave,
            kSecPrivateKeyAttrs as String: [
                kSecAttrIsPermanent as String: true,
                kSecAttrApplicationTag as String: tag(label),
                kSecAttrAccessControl as String: control,
            ] as [String: Any],
        ]
        guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, &error) else { throw KeysError.of(error) }
        return EnclaveKey(label: label, key: key, context: nil)
    }

    /// A key that is there. With a prompt, using it asks the person.
    static func find(_ label: String, _ prompt: String? = nil) throws -> EnclaveKey {
        var query = query(label)
        query[kSecReturnRef as String] = true
        var context: LAContext?
        if let prompt {
            let asking = LAContext()
            asking.localizedReason = prompt
            // No other way than the key's own: the app has its PIN for that.
            asking.localizedFallbackTitle = ""
            try Enrolment.canBeAsked(asking)
            query[kSecUseAuthenticationContext as String] = asking
            context = asking
        }
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        guard status == errSecSuccess, let found else { throw KeysError.of(status) }
        guard CFGetTypeID(found) == SecKeyGetTypeID() else { throw KeysError.Missing }
        return EnclaveKey(label: label, key: found as! SecKey, context: context)
    }

    static func delete(_ label: String) throws {
        let status = SecItemDelete(query(label) as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else { throw KeysError.of(status) }
        try Keychain.delete(Enrolment.name(label))
        try Keychain.delete(AppAttest.name(label))
    }

    private static func query(_ label: String) -> [String: Any] {
        [
            kSecClass as String: kSecClassKey,
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrApplicationTag as String: tag(label),
        ]
    }

    private static func tag(_ label: String) -> Data {
        Data("dev.symbolon.\(label)".utf8)
    }

    private func publicHalf() throws -> SecKey {
        guard let half = SecKeyCopyPublicKey(key) else { throw KeysError.Missing }
        return half
    }

    /// The uncompressed point of the public half.
    func point() throws -> Data {
        var error: Unmanaged<CFError>?
        guard let point = SecKeyCopyExternalRepresentation(try publicHalf(), &error) else { throw KeysError.of(error) }
        return point as Data
    }

    func sign(_ message: Data) throws -> Data {
        var error: Unmanaged<CFError>?
        let signature = SecKeyCreateSignature(key, .ecdsaSignatureMessageX962SHA256, message as CFData, &error)
        guard let signature else { throw failure(error) }
        return signature as Data
    }

    /// The x-coordinate that the private half and a point agree on.
    func agree(with point: Data) throws -> Data {
        var error: Unmanaged<CFError>?
        let attributes: [String: Any] = [
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeyClass as String: kSecAttrKeyClassPublic,
        ]
        guard let other = SecKeyCreateWithData(point as CFData, attributes as CFDictionary, &error) else {
            throw KeysError.of(error)
        }
        let none: [String: Any] = [:]
        let shared = SecKeyCopyKeyExchangeResult(key, .ecdhKeyExchangeStandard, other, none as CFDictionary, &error)
        guard let shared else { throw failure(error) }
        return shared as Data
    }

    private static let sealing = SecKeyAlgorithm.eciesEncryptionCofactorVariableIVX963SHA256AESGCM

    func seal(_ plain: Data) throws -> Data {
        var error: Unmanaged<CFError>?
        let sealed = SecKeyCreateEncryptedData(try publicHalf(), Self.sealing, plain as CFData, &error)
        guard let sealed else { throw failure(error) }
        return sealed as Data
    }

    func open(_ sealed: Data) throws -> Data {
        var error: Unmanaged<CFError>?
        guard let plain = SecKeyCreateDecryptedData(key, Self.sealing, sealed as CFData, &error) else {
            throw failure(error, opening: true)
        }
        return plain as Data
    }

    /// What a failed use of a key means. The system has one code for a key that an enrolment has destroyed, and for a
    /// person who was not recognised: what was enrolled when the key was made tells them apart.
    private func failure(_ error: Unmanaged<CFError>?, opening: Bool = false) -> KeysError {
        let failure = KeysError.of(error, opening: opening)
        guard failure == .Cancelled, let context, Enrolment.hasChanged(label, context) else { return failure }
        return .Missing
    }
}

/// Who is enrolled at the phone, as the system tells it: a value that changes with every finger and face.
private enum Enrolment {
    static func name(_ label: String) -> String { "\(label).enrolment" }

    /// Keeps who is enrolled while a key is made.
    static func keep(_ label: String) throws {
        let context = LAContext()
        try canBeAsked(context)
        if let state = context.evaluatedPolicyDomainState { try Keychain.set(name(label), state) }
    }

    /// Whether the system would ask the person now; else why not.
    static func canBeAsked(_ context: LAContext) throws {
        var error: NSError?
        guard context.canEvaluatePolicy(.deviceOwnerAuthenticationWithBiometrics, error: &error) else {
            throw error.map { KeysError.of($0 as any Error) } ?? KeysError.Unavailable(reason: "no biometrics")
        }
    }

    static func hasChanged(_ label: String, _ context: LAContext) -> Bool {
        guard let kept = try? Keychain.value(name(label)) else { return false }
        return context.evaluatedPolicyDomainState.map { $0 != kept } ?? false
    }
}
