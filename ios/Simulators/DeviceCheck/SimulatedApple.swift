import CEnclave
import Security

/// Apple, as far as App Attest goes: a root of its own, statements about keys, and what those keys sign.
public final class _SimulatedApple: _Apple, @unchecked Sendable {
    private let app: Data
    private let root = enclave_generate()!
    private let middle = enclave_generate()!
    private let rootCertificate: UnsafeMutableRawPointer
    private let middleCertificate: UnsafeMutableRawPointer
    private var keys: [String: (UnsafeMutableRawPointer, counter: UInt32)] = [:]
    private let lock = NSLock()

    /// The next call answers with this.
    public var refusal: DCError?

    /// `app` is the App ID, as `TEAM.bundle`.
    public init(app: String) {
        self.app = _sha256(Data(app.utf8))
        rootCertificate = maker_certify(root, "Simulated App Attestation Root CA", root, nil, nil)
        middleCertificate = maker_certify(middle, "Simulated App Attestation CA 1", root, rootCertificate, nil)
    }

    deinit {
        for key in [root, middle] + keys.values.map(\.0) { enclave_free(key) }
        maker_free(rootCertificate)
        maker_free(middleCertificate)
    }

    /// Its root, to be trusted.
    public var rootPem: String {
        let text = der(rootCertificate).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
        return "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n"
    }

    public func generateKey() throws -> String {
        try refuse()
        let key = enclave_generate()!
        let name = _sha256(point(key)).base64EncodedString()
        lock.withLock { keys[name] = (key, 0) }
        return name
    }

    public func attest(_ key: String, _ clientDataHash: Data) throws -> Data {
        try refuse()
        guard let (handle, _) = lock.withLock({ keys[key] }) else { throw DCError(.invalidKey) }
        let point = point(handle)
        // Flags, counter, environment, length of the credential id, the id, the key.
        let environment = Data("appattest".utf8) + Data(count: 7)
        let data = join(app, Data([0x40, 0, 0, 0, 0]), environment, Data([0, 32]), _sha256(point), cose(point))
        let nonce = [UInt8](_sha256(data + clientDataHash))
        guard let leaf = maker_certify(handle, "an app's key", middle, middleCertificate, nonce) else {
            throw DCError(.unknownSystemFailure)
        }
        defer { maker_free(leaf) }
        let chain = join(Data([0x82]), bytes(der(leaf)), bytes(der(middleCertificate)))
        let statement = join(Data([0xa2]), text("x5c"), chain, text("receipt"), bytes(Data("a receipt".utf8)))
        return join(
            Data([0xa3]), text("fmt"), text("apple-appattest"), text("attStmt"), statement, text("authData"), bytes(data))
    }

    public func assertion(_ key: String, _ clientDataHash: Data) throws -> Data {
        try refuse()
        let (handle, counter) = try lock.withLock {
            guard let (handle, counter) = keys[key] else { throw DCError(.invalidKey) }
            keys[key] = (handle, counter + 1)
            return (handle, counter + 1)
        }
        let data = join(app, Data([0x40]), withUnsafeBytes(of: counter.bigEndian) { Data($0) })
        let nonce = [UInt8](_sha256(data + clientDataHash))
        var signature = [UInt8](repeating: 0, count: Int(ENCLAVE_SIGNATURE))
        let length = enclave_sign(handle, nonce, nonce.count, &signature)
        let signed = bytes(Data(signature.prefix(length)))
        return join(Data([0xa2]), text("signature"), signed, text("authenticatorData"), bytes(data))
    }

    private func refuse() throws {
        if let refusal {
            self.refusal = nil
            throw refusal
        }
    }

    private func point(_ key: UnsafeMutableRawPointer) -> Data {
        var point = [UInt8](repeating: 0, count: Int(ENCLAVE_POINT))
        _ = enclave_point(key, &point)
        return Data(point)
    }

    private func der(_ certificate: UnsafeMutableRawPointer) -> Data {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = maker_der(certificate, &bytes, bytes.count)
        return Data(bytes.prefix(length))
    }

    private func join(_ parts: Data...) -> Data { parts.reduce(into: Data()) { $0 += $1 } }

    // CBOR (RFC 8949)

    private func text(_ text: String) -> Data { head(3, text.utf8.count) + Data(text.utf8) }
    private func bytes(_ bytes: Data) -> Data { head(2, bytes.count) + bytes }

    private func head(_ kind: UInt8, _ length: Int) -> Data {
        switch length {
        case ..<24: Data([kind << 5 | UInt8(length)])
        case ..<256: Data([kind << 5 | 24, UInt8(length)])
        default: Data([kind << 5 | 25, UInt8(length >> 8), UInt8(length & 255)])
        }
    }

    /// A P-256 key in COSE: kty 2, alg -7, crv 1, x, y.
    private func cose(_ point: Data) -> Data {
        let (x, y) = (point[1..<33], point[33..<65])
        return join(Data([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21]), bytes(Data(x)), Data([0x22]), bytes(Data(y)))
    }
}
