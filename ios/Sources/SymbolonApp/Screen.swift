import Foundation
import Symbolon

/// What is on the screen, and all that it needs.
public enum Screen {
    /// Something is waited for; another phone may want digits meanwhile.
    case working(Word, digits: String? = nil)
    /// Every account of this phone, and what is asked; without one, the way to the first.
    case accounts([Entry], damaged: [DamagedAccount])
    /// The ways to a new account.
    case add
    /// The camera.
    case scan
    /// What stands on paper is typed; offline without a network.
    case typed(isOffline: Bool, mistake: Word? = nil)
    /// The password of a QR that was scanned.
    case offlinePassword(qr: Data, mistake: Word? = nil)
    /// A token that may be accepted.
    case proposed(Proposal, ProposalInfo)
    /// The keypad.
    case keypad(Keypad)
    /// What the server is to be told of a token that was activated without a network.
    case registered(String)
    /// An open account with its code.
    case open(OpenAccount)
    /// Something is asked.
    case asked(Asked)
    /// A QR asks something without a network.
    case offlineAsked(OfflineApproval, OfflineRequest, Entry)
    /// A code that is typed where it is asked for.
    case response(Word, Code)
    /// Digits of a page are typed.
    case challenge(Session, mistake: Word? = nil)
    /// The ticket for a new phone.
    case moving(Session, Move, MoveTicket)
    /// A new phone has used it.
    case moveDigits(MoveDigits)
    /// What can be changed about an account.
    case settings(Entry)
    /// What was decided for an account on this phone.
    case history(Entry, [HistoryEntry])
    /// Every PIN try is used up, or the PIN is forgotten.
    case locked(Entry, challenge: String, mistake: Word? = nil)
    /// To remove an account takes a second yes.
    case remove(Entry)
    /// An account whose file can't be read: all that can be done is to remove it.
    case damaged(DamagedAccount)
    /// It went well.
    case done(Word, Word)
    /// It did not, and what to do.
    case problem(Problem)
}

/// An account in the list.
@MainActor
public struct Entry {
    public let account: Account
    public let info: AccountInfo
    public let status: AccountStatus
    /// What the server asks this account.
    public let asked: [Approval]
    /// Whether the server counts it no more.
    public let isGone: Bool

    init(_ account: Account, _ info: AccountInfo, _ status: AccountStatus, asked: [Approval], isGone: Bool) {
        self.account = account
        self.info = info
        self.status = status
        self.asked = asked
        self.isGone = isGone
    }
}

/// A PIN that is being typed, for something.
@MainActor
public final class Keypad {
    public let title: Word
    public let length: Int
    public let note: Note?
    /// What the PIN answers.
    public let request: Request?
    /// What a person can do who has forgotten it.
    let help: (@MainActor () -> Void)?
    /// Has the system ask for a finger or face instead.
    let biometrics: (@MainActor () -> Void)?
    let done: @MainActor (PinPad) -> Void
    let pad = PinPad()

    init(
        _ title: Word, length: Int, note: Note? = nil, request: Request? = nil, help: (@MainActor () -> Void)? = nil,
        biometrics: (@MainActor () -> Void)? = nil, done: @escaping @MainActor (PinPad) -> Void
    ) {
        self.title = title
        self.length = length
        self.note = note
        self.request = request
        self.help = help
        self.biometrics = biometrics
        self.done = done
    }

    /// How many digits were typed.
    public var count: Int { Int(pad.length()) }
}

/// A sentence over the keypad: why the last PIN was not taken.
public struct Note: Equatable, Sendable {
    public let word: Word
    public var number: Int?
}

/// An open account with its code.
@MainActor
public struct OpenAccount {
    public let entry: Entry
    let session: Session
    public let code: Code
    /// What the server may still have to be told.
    public let registration: String?
    /// After the system has ended biometrics.
    public let offersBiometrics: Bool

    func with(entry: Entry, code: Code, offersBiometrics: Bool) -> OpenAccount {
        OpenAccount(
            entry: entry, session: session, code: code, registration: registration, offersBiometrics: offersBiometrics)
    }

    /// By how many minutes, to the nearest, this phone's clock is wrong, where the person should know.
    public var wrongMinutes: Int? {
        let offset = Int(abs(entry.status.clockOffset))
        return offset > Self.clockIsWrong ? (offset + 30_000) / 60_000 : nil
    }

    /// In milliseconds: what the library's events take for wrong, too.
    private static let clockIsWrong = 120_000
}

/// Something that is asked.
@MainActor
public struct Asked {
    public let entry: Entry
    let approval: Approval
    public let request: Request
}

/// A new phone that has used the ticket of a move.
public struct MoveDigits {
    let session: Session
    let move: Move
    public let model: String
    public var mistake: Word?
}

/// Something that went wrong.
@MainActor
public struct Problem {
    public let error: SymbolonError
    let again: (@MainActor () -> Void)?
    public let entry: Entry?

    /// Whether the account is of no more use: all that can be done is to remove it.
    public var isForGood: Bool {
        switch error {
        case .NotActive, .KeysLost: true
        default: false
        }
    }
}
