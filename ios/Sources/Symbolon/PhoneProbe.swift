import Foundation
import MachO

/// Signs of tampering that an app can see. They are hints to honest people: whoever owns the phone decides what an app sees.
/// What a server believes is the attestation of the hardware.
public final class PhoneProbe: IntegrityProbe {
    private let root: String
    private let team: String?

    /// `team` is the app's team at Apple; with it, a copy that somebody else has signed is told.
    public convenience init(team: String? = nil) {
        self.init(team: team, root: "")
    }

    init(team: String?, root: String) {
        self.team = team
        self.root = root
    }

    public func signals() -> [Signal] {
        var signals: [Signal] = []
        if Self.jailbreak.contains(where: { FileManager.default.fileExists(atPath: root + $0) }) { signals.append(.jailbreakFiles) }
        if canWriteOutside() { signals.append(.leakySandbox) }
        if Self.isTraced() { signals.append(.debugger) }
        if isHooked() { signals.append(.hookingLibrary) }
        if ProcessInfo.processInfo.environment["SIMULATOR_DEVICE_NAME"] != nil { signals.append(.emulator) }
        if let team, let signer = Signer.team(), signer != team { signals.append(.resignedApp) }
        return signals
    }

    private func canWriteOutside() -> Bool {
        let file = "\(root)/private/symbolon-\(UUID().uuidString)"
        guard FileManager.default.createFile(atPath: file, contents: nil) else { return false }
        try? FileManager.default.removeItem(atPath: file)
        return true
    }

    private func isHooked() -> Bool {
        if ProcessInfo.processInfo.environment["DYLD_INSERT_LIBRARIES"] != nil { return true }
        return (0..<_dyld_image_count()).contains { index in
            guard let name = _dyld_get_image_name(index) else { return false }
            let path = String(cString: name)
            return Self.hooks.contains { path.range(of: $0, options: .caseInsensitive) != nil }
        }
    }

    private static func isTraced() -> Bool {
        var info = kinfo_proc()
        var size = MemoryLayout<kinfo_proc>.stride
        var name = [CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()]
        guard sysctl(&name, UInt32(name.count), &info, &size, nil, 0) == 0 else { return false }
        return info.kp_proc.p_flag & P_TRACED != 0
    }

    private static let jailbreak = [
        "/Applications/Cydia.app", "/Applications/Sileo.app", "/Applications/Zebra.app", "/private/var/lib/apt",
        "/private/var/lib/cydia", "/private/var/stash", "/private/etc/apt", "/var/jb", "/Library/MobileSubstrate",
        "/usr/lib/TweakInject", "/usr/libexec/cydia", "/.bootstrapped_electra", "/.installed_unc0ver", "/cores/binpack",
    ]

    private static let hooks = [
        "FridaGadget", "frida-agent", "MobileSubstrate", "CydiaSubstrate", "SubstrateLoader", "SubstrateInserter",
        "TweakInject", "libhooker", "ElleKit", "SSLKillSwitch", "libcycript",
    ]
}
