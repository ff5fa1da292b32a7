// The names of Apple's DeviceCheck that the package uses. Who states and signs is set by the test.
@_exported import Foundation

public struct DCError: Error, Equatable, Sendable {
    public enum Code: Int, Sendable, CaseIterable {
        case unknownSystemFailure = 0
        case featureUnsupported = 1
        case invalidInput = 2
        case invalidKey = 3
        case serverUnavailable = 4
    }

    public let code: Code
    public init(_ code: Code) { self.code = code }
}

/// Apple, as far as App Attest goes.
public protocol _Apple: Sendable {
    func generateKey() throws -> String
    func attest(_ key: String, _ clientDataHash: Data) throws -> Data
    func assertion(_ key: String, _ clientDataHash: Data) throws -> Data
}

open class DCAppAttestService: NSObject, @unchecked Sendable {
    /// `sharedService`
    public static let shared = DCAppAttestService()

    /// Without one there is no App Attest on this phone.
    public var _apple: (any _Apple)?

    /// `isSupported`
    open var isSupported: Bool { _apple != nil }

    private func apple() throws -> any _Apple {
        guard let _apple else { throw DCError(.featureUnsupported) }
        return _apple
    }

    /// `generateKeyWithCompletionHandler:`
    open func generateKey() async throws -> String { try apple().generateKey() }

    /// `attestKey:clientDataHash:completionHandler:`
    open func attestKey(_ keyId: String, clientDataHash: Data) async throws -> Data {
        try apple().attest(keyId, clientDataHash)
    }

    /// `generateAssertion:clientDataHash:completionHandler:`
    open func generateAssertion(_ keyId: String, clientDataHash: Data) async throws -> Data {
        try apple().assertion(keyId, clientDataHash)
    }
}
