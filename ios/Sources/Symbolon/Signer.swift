import Foundation
import Security

/// Who has signed the app that runs.
enum Signer {
    private static let probe = "signer"

    /// The team, as the keychain names the app's own access group: `TEAM123456.bundle`.
    static func team() -> String? {
        let query: [String: Any] = [
            kSecClass as String: kSecClassGenericPassword,
            kSecAttrService as String: "dev.symbolon",
            kSecAttrAccount as String: probe,
            kSecReturnAttributes as String: true,
        ]
        var found: CFTypeRef?
        if SecItemCopyMatching(query as CFDictionary, &found) == errSecItemNotFound {
            try? Keychain.set(probe, Data())
            guard SecItemCopyMatching(query as CFDictionary, &found) == errSecSuccess else { return nil }
        }
        let attributes = found as? [String: Any]
        let group = attributes?[kSecAttrAccessGroup as String] as? String
        return group?.split(separator: ".").first.map(String.init)
    }
}
