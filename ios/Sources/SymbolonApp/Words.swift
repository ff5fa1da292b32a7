import Foundation

/// Everything that the app says. The texts are in `Resources/Localizable.xcstrings`, English and German.
public enum Word: String, CaseIterable, Sendable {
    case accept
    case account
    case accounts
    case activating
    case activatingOffline = "activating_offline"
    case activatingState = "activating_state"
    case activationCode = "activation_code"
    case add
    case addText = "add_text"
    case again
    case agree
    case already
    case alreadyText = "already_text"
    case approvalCode = "approval_code"
    case asClaimed = "as_claimed"
    case asked
    case askedBy = "asked_by"
    case askingServer = "asking_server"
    case back
    case biometricsByPolicy = "biometrics_by_policy"
    case biometricsFace = "biometrics_face"
    case biometricsLocked = "biometrics_locked"
    case biometricsLost = "biometrics_lost"
    case biometricsNotSetUp = "biometrics_not_set_up"
    case biometricsOff = "biometrics_off"
    case biometricsOffText = "biometrics_off_text"
    case biometricsOffer = "biometrics_offer"
    case biometricsOn = "biometrics_on"
    case biometricsOnText = "biometrics_on_text"
    case busy
    case busyText = "busy_text"
    case cameraMissing = "camera_missing"
    case cameraRefused = "camera_refused"
    case cancel
    case cancelled
    case cancelledText = "cancelled_text"
    case cancelledUnanswered = "cancelled_unanswered"
    case captured
    case challengeDigits = "challenge_digits"
    case changePin = "change_pin"
    case choosePin = "choose_pin"
    case clockWrong = "clock_wrong"
    case codeWasShown = "code_was_shown"
    case comparison
    case concern
    case concernRaised = "concern_raised"
    case concernRaisedText = "concern_raised_text"
    case concernUnanswered = "concern_unanswered"
    case confirm
    case confirmed
    case confirmedText = "confirmed_text"
    case confirmedUnanswered = "confirmed_unanswered"
    case copy
    case damaged
    case damagedText = "damaged_text"
    case decline
    case delete
    case device
    case digitsTyped = "digits_typed"
    case enterPin = "enter_pin"
    case enterValue = "enter_value"
    case expired
    case expiredText = "expired_text"
    case forgotPin = "forgot_pin"
    case from
    case goOn = "go_on"
    case history
    case historyEmpty = "history_empty"
    case historyText = "history_text"
    case `internal`
    case keep
    case keysLost = "keys_lost"
    case keysLostText = "keys_lost_text"
    case lastContact = "last_contact"
    case lockChallenge = "lock_challenge"
    case locked
    case lockedText = "locked_text"
    case makeCode = "make_code"
    case mistyped
    case move
    case moveDigits = "move_digits"
    case moveDigitsText = "move_digits_text"
    case moveEnded = "move_ended"
    case moveEndedText = "move_ended_text"
    case moveQr = "move_qr"
    case moveText = "move_text"
    case moved
    case movedText = "moved_text"
    case never
    case notActive = "not_active"
    case notActiveText = "not_active_text"
    case notConfirmed = "not_confirmed"
    case notConfirmedText = "not_confirmed_text"
    case notServerText = "not_server_text"
    case offline
    case offlineAsked = "offline_asked"
    case offlineAskedText = "offline_asked_text"
    case offlineText = "offline_text"
    case ok
    case openAccount = "open_account"
    case organisation
    case otherPhone = "other_phone"
    case otherToken = "other_token"
    case otherTokenText = "other_token_text"
    case password
    case passwordText = "password_text"
    case pickValue = "pick_value"
    case pinDate = "pin_date"
    case pinLength = "pin_length"
    case pinRepetition = "pin_repetition"
    case pinRun = "pin_run"
    case pinSet = "pin_set"
    case pinSetText = "pin_set_text"
    case pinWaits = "pin_waits"
    case pinWellKnown = "pin_well_known"
    case pinsDiffer = "pins_differ"
    case place
    case proposed
    case proposedOffline = "proposed_offline"
    case proposedText = "proposed_text"
    case refused
    case registered
    case registeredText = "registered_text"
    case registrationCode = "registration_code"
    case remove
    case removeText = "remove_text"
    case repeatPin = "repeat_pin"
    case respond
    case respondText = "respond_text"
    case response
    case responseText = "response_text"
    case scan
    case scanText = "scan_text"
    case secondsLeft = "seconds_left"
    case serial
    case server
    case settings
    case signIn = "sign_in"
    case signalDebugger = "signal_debugger"
    case signalEmulator = "signal_emulator"
    case signalHooking = "signal_hooking"
    case signalJailbreak = "signal_jailbreak"
    case signalOther = "signal_other"
    case signalResigned = "signal_resigned"
    case signalSandbox = "signal_sandbox"
    case signingInTo = "signing_in_to"
    case starting
    case support
    case ticketRefused = "ticket_refused"
    case ticketRefusedText = "ticket_refused_text"
    case turnOffBiometrics = "turn_off_biometrics"
    case turnOnBiometrics = "turn_on_biometrics"
    case typeCode = "type_code"
    case typeOffline = "type_offline"
    case unconfirmed
    case unconfirmedText = "unconfirmed_text"
    case unknown
    case unlock
    case unlockCode = "unlock_code"
    case unlocking
    case unreadable
    case unreadableText = "unreadable_text"
    case unsecure
    case unsecureText = "unsecure_text"
    case untrusted
    case untrustedText = "untrusted_text"
    case useBiometrics = "use_biometrics"
    case valueWasWrong = "value_was_wrong"
    case valueWasWrongText = "value_was_wrong_text"
    case waitingForNewPhone = "waiting_for_new_phone"
    case waitingForOldPhone = "waiting_for_old_phone"
    case wake
    case welcome
    case welcomeText = "welcome_text"
    case what
    case working
    case wrongPin = "wrong_pin"
    case wrongUnlockCode = "wrong_unlock_code"
}

/// The texts of one language.
public struct Words: Sendable {
    private let text: @Sendable (String) -> String

    public init(_ text: @escaping @Sendable (String) -> String) {
        self.text = text
    }

    /// Those of the person's language.
    public static let system = Words { Bundle.module.localizedString(forKey: $0, value: nil, table: nil) }

    /// A text without places.
    public subscript(word: Word) -> String {
        text(word.rawValue)
    }

    /// A text with a number in its place.
    public func callAsFunction(_ word: Word, _ numbers: Int...) -> String {
        String(format: text(word.rawValue), arguments: numbers)
    }

    /// A text with another in its place.
    public func callAsFunction(_ word: Word, _ name: String) -> String {
        text(word.rawValue).replacingOccurrences(of: "%1$@", with: name)
    }
}
