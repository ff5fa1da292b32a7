import CryptoKit
import DeviceCheck
import Foundation

/// App Attest: Apple's word that a key was made by this app, unchanged, in the enclave of an iPhone.
struct AppAttest: Sendable {
    static func name(_ label: String) -> String { "\(label).app-attest" }

    /// The statement about a new key, bound to client data; `nil` where there is no App Attest, or Apple can't be reached:
    /// a server whose policy requires a statement says no then.
    func attest(_ label: String, _ clientData: Data) async throws -> Data? {
        let service = DCAppAttestService.shared
        guard service.isSupported else { return nil }
        do {
            let key = try await service.generateKey()
            let hash = Data(SHA256.hash(data: clientData))
            let statement = try await service.attestKey(key, clientDataHash: hash)
            try Keychain.set(Self.name(label), Data(key.utf8))
            return statement
        } catch let error as DCError {
            return try Self.without(error)
        }
    }

    /// What the key that was attested with a label's signs; `nil` where none was.
    func assertion(_ label: String, _ clientDataHash: Data) async throws -> Data? {
        let service = DCAppAttestService.shared
        guard service.isSupported, let key = try? Keychain.value(Self.name(label)) else { return nil }
        do {
            return try await service.generateAssertion(String(decoding: key, as: UTF8.self), clientDataHash: clientDataHash)
        } catch let error as DCError {
            return try Self.without(error)
        }
    }

    /// Goes on without, where the phone has no such thing now; a mistake of this app is told.
    private static func without(_ error: DCError) throws -> Data? {
        switch error.code {
        case .featureUnsupported, .serverUnavailable, .invalidKey: return nil
        default: throw KeysError.Unavailable(reason: "App Attest answers \(error.code.rawValue)")
        }
    }
}
