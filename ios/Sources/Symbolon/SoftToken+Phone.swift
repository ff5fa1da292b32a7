import Foundation

extension SoftToken {
    /// Opens the accounts of this app. An app opens them once, and keeps what it gets.
    ///
    /// They lie in the app's files, encrypted by the system while the phone is locked, and in no backup; their keys are in
    /// the Secure Enclave. `app` is the app's name and version, which the server is told; `team` the app's team at Apple,
    /// by which a copy that somebody else has signed is told; `wake` its push service.
    public static func open(app: String, team: String? = nil, wake: Wake? = nil) async throws -> SoftToken {
        try await open(directory: try privateFolder().path, platform: .phone(app: app, team: team, wake: wake))
    }

    static func privateFolder() throws -> URL {
        let support = try FileManager.default.url(
            for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        var folder = support.appendingPathComponent("symbolon", isDirectory: true)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.protectionKey: FileProtectionType.complete])
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try folder.setResourceValues(values)
        return folder
    }
}

extension Platform {
    /// All that only this phone has.
    public static func phone(app: String, team: String? = nil, wake: Wake? = nil) -> Platform {
        Platform(
            keys: EnclaveKeys(), authentication: PhoneBiometrics(), integrity: PhoneProbe(team: team),
            device: DeviceInfo(platform: "ios", model: "Apple \(machine())", app: app), wake: wake)
    }

    /// What Apple calls the model: `iPhone15,2`.
    private static func machine() -> String {
        var name = utsname()
        uname(&name)
        return withUnsafeBytes(of: &name.machine) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
