import Symbolon

extension Words {
    /// A title, and what to do.
    func of(_ error: SymbolonError) -> (String, String) {
        switch error {
        case .UnsecureDevice: (self[.unsecure], self[.unsecureText])
        case .Unreachable(let server, _): (self[.offline], self(.offlineText, server))
        case .Untrusted(let server, _): (self[.untrusted], self(.untrustedText, server))
        case .NotAServer(let server): (self[.untrusted], self(.notServerText, server))
        case .Refused(let reason): (self[.refused], reason)
        case .ActivationRefused, .Withdrawn: (self[.ticketRefused], self[.ticketRefusedText])
        case .Input: (self[.unreadable], self[.unreadableText])
        case .NotActive, .NoSuchToken: (self[.notActive], self[.notActiveText])
        case .AlreadyActive: (self[.already], self[.alreadyText])
        case .NotConfirmed: (self[.unconfirmed], self[.unconfirmedText])
        case .MoveWaits: (self[.unconfirmed], self[.waitingForOldPhone])
        case .KeysLost: (self[.keysLost], self[.keysLostText])
        case .TooLate: (self[.expired], self[.expiredText])
        case .OtherToken: (self[.otherToken], self[.otherTokenText])
        case .BiometricsNotAllowed(let obstacle, _): (self[.biometricsOff], self[Self.of(obstacle)])
        case .BiometricsLocked: (self[.biometricsOff], self[.biometricsLocked])
        case .BiometricsLost: (self[.biometricsOff], self[.biometricsLost])
        case .BiometricsOff: (self[.biometricsOff], self[.biometricsOffText])
        case .Damaged: (self[.damaged], self[.damagedText])
        case .TooManyRequests, .Busy: (self[.busy], self[.busyText])
        default: (self[.`internal`], error.errorDescription ?? "")
        }
    }

    static func of(_ obstacle: BiometricsObstacle) -> Word {
        switch obstacle {
        case .byPolicy: .biometricsByPolicy
        case .faceNotExcluded: .biometricsFace
        case .notSetUp: .biometricsNotSetUp
        }
    }

    static func of(_ signal: Signal) -> Word {
        switch signal {
        case .jailbreakFiles: .signalJailbreak
        case .leakySandbox: .signalSandbox
        case .debugger: .signalDebugger
        case .emulator: .signalEmulator
        case .hookingLibrary: .signalHooking
        case .resignedApp: .signalResigned
        case .suBinary, .testKeys, .unlockedBootloader, .unknown: .signalOther
        }
    }
}
