import CEnclave

/// A key; one of the enclave never gives its private half away.
public final class SecKey: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
    public let _access: SecAccessControl?
    let isPrivate: Bool
    /// Who was enrolled when it was made.
    let enrolment: Int
    /// By whom it was found, to be asked at its use.
    weak var asking: (any _Asking)?
    private let owner: SecKey?

    init(_ handle: UnsafeMutableRawPointer, access: SecAccessControl?, isPrivate: Bool, owner: SecKey? = nil) {
        self.handle = handle
        _access = access
        self.isPrivate = isPrivate
        enrolment = owner?.enrolment ?? _Phone.shared.enrolment
        self.owner = owner
    }

    deinit {
        if owner == nil { enclave_free(handle) }
    }

    /// The same key, found with somebody to ask.
    func found(by asking: (any _Asking)?) -> SecKey {
        let found = SecKey(handle, access: _access, isPrivate: isPrivate, owner: owner ?? self)
        found.asking = asking
        found.kept = asking
        return found
    }

    private var kept: (any _Asking)?

    var isBiometric: Bool { _access?._flags.contains(.biometryCurrentSet) ?? false }

    /// What stands between a private key and its use.
    func pass() throws {
        let phone = _Phone.shared
        if let failure = phone.failure { throw NSError(domain: NSOSStatusErrorDomain, code: Int(failure)) }
        if phone.isLocked { throw NSError(domain: NSOSStatusErrorDomain, code: Int(errSecInteractionNotAllowed)) }
        guard isBiometric else { return }
        // The enclave knows who was enrolled, and asks nobody else.
        if enrolment != phone.enrolment { throw NSError(domain: NSOSStatusErrorDomain, code: Int(errSecAuthFailed)) }
        guard let asking, asking._mayInteract else { throw NSError(domain: "com.apple.LocalAuthentication", code: -1004) }
        try phone.ask(asking._reason)
    }
}

public func SecKeyGetTypeID() -> CFTypeID { 1 }
public func CFGetTypeID(_ object: CFTypeRef?) -> CFTypeID { object is SecKey ? 1 : 2 }

private typealias Failure = UnsafeMutablePointer<Unmanaged<CFError>?>

private func fail(_ error: any Error, _ out: Failure?) {
    out?.pointee = Unmanaged.passRetained(error as NSError)
}

private func fail(_ code: OSStatus, _ out: Failure?) {
    fail(NSError(domain: NSOSStatusErrorDomain, code: Int(code)), out)
}

public func SecAccessControlCreateWithFlags(
    _ allocator: CFAllocator?, _ protection: CFTypeRef, _ flags: SecAccessControlCreateFlags,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> SecAccessControl? {
    guard let protection = protection as? NSString else {
        fail(errSecParam, error)
        return nil
    }
    return SecAccessControl("\(protection)", flags)
}

public func SecKeyCreateRandomKey(
    _ parameters: CFDictionary, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> SecKey? {
    let parameters = _dictionary(parameters)
    let own = parameters["private"] as? [String: Any] ?? [:]
    let phone = _Phone.shared
    // The enclave has keys of P-256, and each names who may use it.
    guard parameters["tkid"] as? NSString == kSecAttrTokenIDSecureEnclave, parameters["bsiz"] as? Int == 256,
        parameters["type"] as? NSString == kSecAttrKeyTypeECSECPrimeRandom,
        let access = own["accc"] as? SecAccessControl, access._flags.contains(.privateKeyUsage),
        own["perm"] as? Bool == true, let tag = own["atag"] as? Data
    else {
        fail(errSecParam, error)
        return nil
    }
    if !phone.hasEnclave {
        fail(-4 as OSStatus, error)
        return nil
    }
    if let failure = phone.failure {
        fail(failure, error)
        return nil
    }
    if access._protection == "\(kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly)", !phone.hasPasscode {
        fail(errSecNotAvailable, error)
        return nil
    }
    guard let handle = enclave_generate() else {
        fail(errSecParam, error)
        return nil
    }
    let key = SecKey(handle, access: access, isPrivate: true)
    phone._with { phone._items.append(["class": kSecClassKey, "atag": tag, "v_Ref": key]) }
    return key
}

public func SecKeyCreateWithData(
    _ keyData: CFData, _ attributes: CFDictionary, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> SecKey? {
    let attributes = _dictionary(attributes)
    let point = [UInt8](Data(referencing: keyData))
    guard attributes["type"] as? NSString == kSecAttrKeyTypeECSECPrimeRandom,
        attributes["kcls"] as? NSString == kSecAttrKeyClassPublic, let handle = enclave_public(point, point.count)
    else {
        fail(errSecParam, error)
        return nil
    }
    return SecKey(handle, access: nil, isPrivate: false)
}

public func SecKeyCopyPublicKey(_ key: SecKey) -> SecKey? {
    guard let point = point(key), let handle = enclave_public(point, point.count) else { return nil }
    return SecKey(handle, access: nil, isPrivate: false)
}

private func point(_ key: SecKey) -> [UInt8]? {
    var point = [UInt8](repeating: 0, count: Int(ENCLAVE_POINT))
    return enclave_point(key.handle, &point) == 1 ? point : nil
}

public func SecKeyCopyExternalRepresentation(
    _ key: SecKey, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    guard !key.isPrivate, let point = point(key) else {
        fail(errSecParam, error)
        return nil
    }
    return Data(point) as CFData
}

public func SecKeyCreateSignature(
    _ key: SecKey, _ algorithm: SecKeyAlgorithm, _ dataToSign: CFData,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    use(key, algorithm == .ecdsaSignatureMessageX962SHA256, error) {
        let message = [UInt8](Data(referencing: dataToSign))
        var signature = [UInt8](repeating: 0, count: Int(ENCLAVE_SIGNATURE))
        let length = enclave_sign(key.handle, message, message.count, &signature)
        return length > 0 ? Data(signature.prefix(length)) : nil
    }
}

public func SecKeyCopyKeyExchangeResult(
    _ privateKey: SecKey, _ algorithm: SecKeyAlgorithm, _ publicKey: SecKey, _ parameters: CFDictionary,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    use(privateKey, algorithm == .ecdhKeyExchangeStandard, error) { agree(privateKey, publicKey) }
}

private func agree(_ key: SecKey, _ other: SecKey) -> Data? {
    var shared = [UInt8](repeating: 0, count: Int(ENCLAVE_SHARED))
    return enclave_agree(key.handle, other.handle, &shared) == 1 ? Data(shared) : nil
}

public func SecKeyCreateEncryptedData(
    _ key: SecKey, _ algorithm: SecKeyAlgorithm, _ plaintext: CFData,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    guard !key.isPrivate, algorithm == .eciesEncryptionCofactorVariableIVX963SHA256AESGCM,
        let handle = enclave_generate()
    else {
        fail(errSecParam, error)
        return nil
    }
    let once = SecKey(handle, access: nil, isPrivate: true)
    guard let own = point(once), let shared = agree(once, key),
        let sealed = gcm(seals: true, shared, own, Data(referencing: plaintext))
    else {
        fail(errSecParam, error)
        return nil
    }
    return (Data(own) + sealed) as CFData
}

public func SecKeyCreateDecryptedData(
    _ key: SecKey, _ algorithm: SecKeyAlgorithm, _ ciphertext: CFData,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    use(key, algorithm == .eciesEncryptionCofactorVariableIVX963SHA256AESGCM, error) {
        let sealed = Data(referencing: ciphertext)
        let own = [UInt8](sealed.prefix(Int(ENCLAVE_POINT)))
        guard sealed.count >= own.count + 16, let handle = enclave_public(own, own.count) else { return nil }
        let other = SecKey(handle, access: nil, isPrivate: false)
        return agree(key, other).flatMap { gcm(seals: false, $0, own, sealed.dropFirst(own.count)) }
    }
}

/// AES-GCM under key and nonce of the X9.63 derivation.
private func gcm(seals: Bool, _ shared: Data, _ point: [UInt8], _ text: Data) -> Data? {
    let derived = _sha256(shared + [0, 0, 0, 1] + point)
    let (key, nonce, text) = ([UInt8](derived.prefix(16)), [UInt8](derived.suffix(16)), [UInt8](text))
    var out = [UInt8](repeating: 0, count: text.count + 16)
    guard enclave_gcm(seals ? 1 : 0, key, nonce, text, text.count, &out) == 1 else { return nil }
    return Data(out.prefix(seals ? text.count + 16 : text.count - 16))
}

public func _sha256(_ bytes: Data) -> Data {
    var hash = [UInt8](repeating: 0, count: 32)
    enclave_sha256([UInt8](bytes), bytes.count, &hash)
    return Data(hash)
}

/// One use of a private key, if all that stands before it lets it through.
private func use(_ key: SecKey, _ fits: Bool, _ error: Failure?, _ act: () -> Data?) -> CFData? {
    do {
        guard key.isPrivate, fits else { throw NSError(domain: NSOSStatusErrorDomain, code: Int(errSecParam)) }
        try key.pass()
        guard let done = act() else { throw NSError(domain: NSOSStatusErrorDomain, code: Int(errSecParam)) }
        return done as CFData
    } catch let failure {
        fail(failure, error)
        return nil
    }
}

/// For what the simulated App Attest does with a key of its own.
public func _signature(_ key: SecKey, _ message: Data) -> Data {
    var signature = [UInt8](repeating: 0, count: Int(ENCLAVE_SIGNATURE))
    let length = enclave_sign(key.handle, [UInt8](message), message.count, &signature)
    return Data(signature.prefix(length))
}
