import Combine
import Foundation
import Symbolon

/// What the person does, and what is shown then.
@MainActor
public final class Model: ObservableObject {
    /// What is on the screen.
    @Published public internal(set) var screen: Screen = .working(.starting) {
        didSet { turn += 1 }
    }

    /// The app's texts.
    public let words: Words

    private let open: () async throws -> SoftToken
    private var softToken: SoftToken?
    private var session: Session?
    private var decided: [Decided] = []
    private var watching: [Task<Void, Never>] = []
    private var moving: Task<Void, Never>?
    private var attempts = 0
    /// Which screen it is: a task that was begun for one leaves the next alone.
    private var turn = 0

    public init(words: Words = .system, open: @escaping () async throws -> SoftToken) {
        self.words = words
        self.open = open
    }

    /// The app comes to the front. A link that was tapped may have begun something already.
    public func resume() {
        if case .working(.starting) = screen, attempts == 0 { goHome() } else { watch() }
    }

    /// Another app comes to the front, or the screen goes off: what was open is closed.
    public func leave() {
        stopWatching()
        moving?.cancel()
        guard session != nil else { return }
        close()
        if case .proposed = screen { return }
        goHome()
    }

    /// One step back; `false` where there is none.
    @discardableResult
    public func back() -> Bool {
        switch screen {
        case .accounts, .working: return false
        case .proposed(let proposal, _): Task { await proposal.decline() }
        case .moving(_, let move, _): Task { try? await move.cancel() }
        case .moveDigits(let digits): Task { try? await digits.move.cancel() }
        default: break
        }
        moving?.cancel()
        toAccounts()
        return true
    }

    /// The list of accounts.
    public func toAccounts() {
        close()
        goHome()
    }

    private func goHome() {
        attempt(.starting) { try await self.home() }
    }

    private func home() async throws {
        screen = .accounts(try await entries())
        watch()
    }

    private func entries() async throws -> [Entry] {
        try await token().accounts().map(Entry.init)
    }

    private func token() async throws -> SoftToken {
        if let softToken { return softToken }
        let opened = try await open()
        softToken = softToken ?? opened
        return softToken ?? opened
    }

    private func close() {
        guard let open = session else { return }
        session = nil
        Task { await open.lockNow() }
    }

    /// Asks every server, again and again, whether there is something to approve.
    private func watch() {
        stopWatching()
        guard case .accounts(let entries) = screen else { return }
        watching = entries.filter { !$0.info.isOffline && $0.status.state == .active }.map { entry in
            Task { [weak self] in
                while !Task.isCancelled {
                    var pause = 10.0
                    if let asked = try? await entry.account.requests(wait: entry.asked.isEmpty ? 25 : 0) {
                        if asked.count != entry.asked.count {
                            entry.asked = asked
                            self?.objectWillChange.send()
                        }
                        pause = asked.isEmpty ? 0.2 : 3
                    }
                    try? await Task.sleep(nanoseconds: UInt64(pause * 1e9))
                }
            }
        }
    }

    private func stopWatching() {
        watching.forEach { $0.cancel() }
        watching = []
    }

    // Adding

    public func add() {
        stopWatching()
        screen = .add
    }

    public func scan() {
        screen = .scan
    }

    public func type(isOffline: Bool) {
        screen = .typed(isOffline: isOffline)
    }

    /// A link was opened, or a QR was read.
    public func scanned(_ text: Data) {
        stopWatching()
        attempt(.askingServer) {
            switch try readScan(scanned: text) {
            case .activation:
                try await self.proposed(try await self.token().activate(link: text))
            case .offlineActivation:
                self.screen = .offlinePassword(qr: text)
            case .approval(let approval):
                let request = approval.request()
                let entry = try await self.entries().first { request.serials.contains($0.info.serial) }
                guard let entry else { throw SymbolonError.OtherToken }
                self.screen = .offlineAsked(approval, request, entry)
            }
        }
    }

    public func typed(server: String, serial: String, code: String, isOffline: Bool) {
        let code = Data(code.utf8)
        attempt(.askingServer, input: .typed(isOffline: isOffline, mistake: .mistyped)) {
            let token = try await self.token()
            if isOffline {
                let server = server.isEmpty ? nil : server
                self.propose(try await token.activateOfflineTyped(server: server, serial: serial, code: code))
            } else {
                try await self.proposed(try await token.activateTyped(server: server, serial: serial, code: code))
            }
        }
    }

    public func offlinePassword(qr: Data, password: String) {
        attempt(.working, input: .offlinePassword(qr: qr, mistake: .mistyped)) {
            let password = Data(password.utf8)
            self.propose(try await self.token().activateOffline(qr: qr, password: password))
        }
    }

    private func proposed(_ activation: Activation) async throws {
        switch activation {
        case .proposed(let proposal): propose(proposal)
        case .unconfirmed(let activation): propose(try await activation.afresh())
        }
    }

    private func propose(_ proposal: Proposal) {
        screen = .proposed(proposal, proposal.info())
    }

    public func accept(_ proposal: Proposal) {
        let policy = proposal.info().policy
        guard policy.pinRequired else { return accept(proposal, pin: nil) }
        choosePin(length: policy.pinLength) { self.accept(proposal, pin: $0) }
    }

    private func accept(_ proposal: Proposal, pin: ChosenPin?) {
        attempt(proposal.info().comparison == nil ? .activating : .waitingForOldPhone) {
            let accepted = try await proposal.accept(pin: pin)
            if let code = accepted.registrationCode {
                self.screen = .registered(code)
            } else {
                try await self.home()
            }
        }
    }

    /// Asks for a new PIN twice.
    private func choosePin(length: UInt8, note: Word? = nil, set: @escaping @MainActor (ChosenPin) -> Void) {
        let again: @MainActor (Word) -> Void = { self.choosePin(length: length, note: $0, set: set) }
        let note = note.map { Note(word: $0, number: Int(length)) }
        screen = .keypad(Keypad(.choosePin, length: Int(length), note: note) { pad in
            do {
                let chosen = try pad.choose(length: length)
                self.screen = .keypad(Keypad(.repeatPin, length: Int(length)) { repeated in
                    if chosen.isRepeatedBy(pad: repeated) { set(chosen) } else { again(.pinsDiffer) }
                })
            } catch SymbolonError.PinChoice(let weakness, _) {
                again(Self.word(weakness))
            } catch {
                again(.pinLength)
            }
        })
    }

    // Unlocking

    /// Opens an account and shows its code.
    public func unlock(_ entry: Entry) {
        unlock(entry) { try await self.showCode(entry, $0) }
    }

    /// Opens an account; `then` goes on with it.
    private func unlock(_ entry: Entry, note: Note? = nil, then: @escaping @MainActor (Session) async throws -> Void) {
        stopWatching()
        let status: AccountStatus
        do {
            status = try entry.account.status()
        } catch {
            return problem(error, entry: entry)
        }
        guard status.isDeviceAllowed else {
            return problem(SymbolonError.UnsecureDevice(signals: status.signals), entry: entry)
        }
        if status.state == .locked, let challenge = status.lockChallenge {
            screen = .locked(entry, challenge: challenge)
        } else if let length = entry.info.pinLength {
            let help = status.lockChallenge.map { challenge in
                { @MainActor in self.screen = .locked(entry, challenge: challenge) }
            }
            screen = .keypad(Keypad(.enterPin, length: Int(length), note: note, help: help) { pad in
                self.unlock(entry, pad: pad, then: then)
            })
        } else {
            unlock(entry, pad: nil, then: then)
        }
    }

    private func unlock(_ entry: Entry, pad: PinPad?, then: @escaping @MainActor (Session) async throws -> Void) {
        attempt(.unlocking, entry: entry, again: { self.unlock(entry, then: then) }) {
            do {
                let opened = try await entry.account.unlock(pin: pad)
                self.session = opened
                try await then(opened)
            } catch SymbolonError.WrongPin(let triesLeft) {
                let note = triesLeft == 0 ? nil : Note(word: .wrongPin, number: Int(triesLeft))
                self.unlock(entry, note: note, then: then)
            } catch SymbolonError.Wait(let left) {
                self.unlock(entry, note: Note(word: .pinWaits, number: Int(left) + 1), then: then)
            } catch SymbolonError.Locked {
                self.unlock(entry, then: then)
            }
        }
    }

    private func showCode(_ entry: Entry, _ session: Session) async throws {
        do {
            let code = try await session.code()
            let registration = try await session.registrationCode()
            let entry = try Entry(entry.account)
            screen = .open(OpenAccount(entry: entry, session: session, code: code, registration: registration))
        } catch SymbolonError.PinMustBeSet {
            let length = try entry.account.info().policy.pinLength
            choosePin(length: length) { self.changePin(session, $0) }
        }
    }

    /// The time of a code is over.
    public func refreshCode(_ open: OpenAccount) async {
        let turn = turn
        do {
            let code = try await open.session.code()
            guard turn == self.turn else { return }
            screen = .open(OpenAccount(
                entry: open.entry, session: open.session, code: code, registration: open.registration))
        } catch {
            guard turn == self.turn else { return }
            if case SymbolonError.Closed = error { toAccounts() } else { problem(error) }
        }
    }

    public func unlockCode(_ entry: Entry, challenge: String, code: String) {
        let code = Data(code.utf8)
        attempt(.unlocking, input: .locked(entry, challenge: challenge, mistake: .mistyped)) {
            do {
                let unlocked = try await entry.account.unlockWithCode(code: code)
                self.choosePin(length: unlocked.pinLength()) { pin in
                    self.attempt(.working) {
                        try await unlocked.setPin(pin: pin)
                        self.screen = .done(.pinSet, .pinSetText)
                    }
                }
            } catch SymbolonError.WrongUnlockCode {
                self.screen = .locked(entry, challenge: challenge, mistake: .wrongUnlockCode)
            }
        }
    }

    // Approvals

    public func ask(_ entry: Entry, _ approval: Approval) {
        stopWatching()
        screen = .asked(Asked(entry: entry, approval: approval, request: approval.request()))
    }

    /// The person decides. However often they tap, it is sent once: the first tap leads to another screen.
    public func decide(_ asked: Asked, _ decision: Decision, value: String? = nil) {
        guard case .asked(let shown) = screen, shown.approval === asked.approval else { return }
        unlock(asked.entry) { session in
            let outcome = try await session.answer(approval: asked.approval, decision: decision, value: value)
            let (title, text) = Self.words(outcome)
            let request = asked.request
            self.decided.insert(
                Decided(application: request.application, what: request.transaction?.summary, outcome: title, at: Date()),
                at: 0)
            self.close()
            self.screen = .done(title, text)
        }
    }

    public func approveOffline(_ approval: OfflineApproval, _ entry: Entry) {
        unlock(entry) { session in
            self.screen = .response(.approvalCode, try await session.approveOffline(approval: approval))
        }
    }

    public func challenge(_ open: OpenAccount) {
        screen = .challenge(open.session)
    }

    public func respond(_ session: Session, digits: String) {
        attempt(.working, input: .challenge(session, mistake: .mistyped)) {
            self.screen = .response(.response, try await session.respond(challenge: digits))
        }
    }

    public func history() {
        stopWatching()
        screen = .history(decided)
    }

    // Settings

    public func settings(_ open: OpenAccount) {
        screen = .settings(open.entry)
    }

    public func changePin(_ entry: Entry) {
        close()
        unlock(entry) { session in
            let length = try entry.account.info().policy.pinLength
            self.choosePin(length: length) { self.changePin(session, $0) }
        }
    }

    private func changePin(_ opened: Session, _ pin: ChosenPin) {
        attempt(.working) {
            try await opened.changePin(pin: pin)
            self.close()
            self.screen = .done(.pinSet, .pinSetText)
        }
    }

    public func askToRemove(_ entry: Entry) {
        screen = .remove(entry)
    }

    public func remove(_ entry: Entry) {
        attempt(.working) {
            self.close()
            try await entry.account.remove()
            try await self.home()
        }
    }

    // Moving

    public func beginMove(_ entry: Entry) {
        close()
        unlock(entry) { session in
            let move = try await session.beginMove()
            self.screen = .moving(session, move, try move.ticket())
            self.follow(session, move, entry)
        }
    }

    /// Follows a move until its end.
    private func follow(_ session: Session, _ move: Move, _ entry: Entry) {
        moving?.cancel()
        moving = Task {
            while !Task.isCancelled {
                let progress = try? await move.progress(wait: 20)
                switch progress {
                case .found(let model):
                    if case .moving = self.screen {
                        self.screen = .moveDigits(MoveDigits(session: session, move: move, model: model))
                    }
                case .moved:
                    self.close()
                    try? await entry.account.remove()
                    self.screen = .done(.moved, .movedText)
                    return
                case .ended:
                    self.close()
                    self.screen = .done(.moveEnded, .moveEndedText)
                    return
                case .waiting, .agreed, nil: break
                }
                try? await Task.sleep(nanoseconds: progress == nil ? 3_000_000_000 : 500_000_000)
            }
        }
    }

    public func agree(_ digits: MoveDigits, typed: String) {
        func mistaken(_ word: Word) -> Screen {
            .moveDigits(MoveDigits(session: digits.session, move: digits.move, model: digits.model, mistake: word))
        }
        attempt(.working, input: mistaken(.mistyped)) {
            do {
                try await digits.session.agree(move: digits.move, digits: typed)
                self.screen = .working(.waitingForNewPhone)
            } catch SymbolonError.OtherPhone {
                self.screen = mistaken(.otherPhone)
            }
        }
    }

    public func cancelMove(_ move: Move) {
        moving?.cancel()
        Task { try? await move.cancel() }
        toAccounts()
    }

    // What goes wrong

    private func problem(_ error: any Error, again: (@MainActor () -> Void)? = nil, entry: Entry? = nil) {
        // A mistake of the library's is shown and not waited for.
        let named = error as? SymbolonError ?? .Internal(reason: String(describing: error))
        screen = .problem(Problem(error: named, again: again, entry: entry))
    }

    /// Does something that takes time, and shows what went wrong with what to do; `input` where the person mistyped.
    private func attempt(
        _ waiting: Word, input: Screen? = nil, entry: Entry? = nil, again: (@MainActor () -> Void)? = nil,
        act: @escaping @MainActor () async throws -> Void
    ) {
        var isListed = false
        if case .accounts = screen { isListed = true }
        if waiting != .starting || !isListed { screen = .working(waiting) }
        attempts += 1
        Task {
            defer { self.attempts -= 1 }
            do {
                try await act()
            } catch SymbolonError.Input where input != nil {
                if let input { self.screen = input }
            } catch {
                self.problem(error, again: again, entry: entry)
            }
        }
    }

    private static func words(_ outcome: Outcome) -> (Word, Word) {
        switch outcome {
        case .confirmed: (.confirmed, .confirmedText)
        case .concern: (.concernRaised, .concernRaisedText)
        case .cancelled: (.cancelled, .cancelledText)
        case .mutualChallengeFailed: (.valueWasWrong, .valueWasWrongText)
        case .other: (.notConfirmed, .notConfirmedText)
        }
    }

    private static func word(_ weakness: PinWeakness) -> Word {
        switch weakness {
        case .length: .pinLength
        case .run: .pinRun
        case .repetition: .pinRepetition
        case .date: .pinDate
        case .wellKnown: .pinWellKnown
        }
    }
}
