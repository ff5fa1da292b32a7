import Foundation
import Security

/// Small values in the keychain: readable while the phone is unlocked, and on this phone alone.
enum Keychain {
    private static let service = "dev.symbolon"

    static func set(_ name: String, _ value: Data) throws {
        try delete(name)
        var attributes = query(name)
        attributes[kSecValueData as String] = value
        attributes[kSecAttrAccessible as String] = kSecAttrAccessibleWhenUnlockedThisDeviceOnly
        let status = SecItemAdd(attributes as CFDictionary, nil)
        guard status == errSecSuccess else { throw KeysError.of(status) }
    }

    /// A value, or `Missing`.
    static func value(_ name: String) throws -> Data {
        var query = query(name)
        query[kSecReturnData as String] = true
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        guard status == errSecSuccess else { throw KeysError.of(status) }
        guard let value = found as? Data else { throw KeysError.Missing }
        return value
    }

    static func delete(_ name: String) throws {
        let status = SecItemDelete(query(name) as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else { throw KeysError.of(status) }
    }

    private static func query(_ name: String) -> [String: Any] {
        [
            kSecClass as String: kSecClassGenericPassword,
            kSecAttrService as String: service,
            kSecAttrAccount as String: name,
        ]
    }
}
