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

    /// Whether a request may be answered from its notification: where the policy of every account allows it, since a
    /// notification does not say which of them is asked.
    public private(set) var isAnswerable = false {
        didSet { if isAnswerable != oldValue { whenAnswerable?(isAnswerable) } }
    }
    /// Who is told so, now and whenever it changes.
    var whenAnswerable: (@MainActor (Bool) -> Void)? {
        didSet { whenAnswerable?(isAnswerable) }
    }

    private let open: () async throws -> SoftToken
    private var softToken: SoftToken?
    private var session: Session?
    private var listening: Task<Void, Never>?
    /// What each account is asked, by serial number, and which of them count no more.
    private var asked: [String: [Approval]] = [:]
    private var gone: Set<String> = []
    /// Those whose biometrics the system has ended.
    private var lost: Set<String> = []
    private var isByBiometrics = false
    private var prompting: Task<Void, Never>?
    private var learning: Task<Void, Never>?
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
        if case .working(.starting, _) = screen, attempts == 0 { goHome() }
        listen()
    }

    /// Another app comes to the front, or the screen goes off: what was open is closed.
    public func leave() {
        prompting?.cancel()
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
        if case .accounts = screen {} else { screen = .working(.starting) }
        let turn = turn
        attempt(nil) {
            let entries = try await self.entries()
            let damaged = try await self.token().damagedAccounts()
            // The person may be elsewhere by now: at a link, or at a notification that they have answered.
            if turn == self.turn { self.screen = .accounts(entries, damaged: damaged) }
        }
    }

    private func home() async throws {
        screen = .accounts(try await entries(), damaged: try await token().damagedAccounts())
    }

    private func entries() async throws -> [Entry] {
        let entries = try await token().accounts().map(entry)
        let online = entries.filter { !$0.info.isOffline }
        isAnswerable = !online.isEmpty && online.allSatisfy(\.info.policy.actionableNotifications)
        return entries
    }

    private func entry(_ account: Account) throws -> Entry {
        let info = try account.info()
        let asked = asked[info.serial] ?? []
        return Entry(account, info, try account.status(), asked: asked, isGone: gone.contains(info.serial))
    }

    private func token() async throws -> SoftToken {
        if let softToken { return softToken }
        let opened = try await open()
        softToken = softToken ?? opened
        return softToken ?? opened
    }

    private func close() {
        // What is asked of the server meanwhile is not waited for: the secrets go now.
        learning?.cancel()
        guard let open = session else { return }
        session = nil
        Task { await open.lockNow() }
    }

    /// Hears what happens at the servers. iOS stops the app in the background, and the servers are asked at once when it
    /// comes back.
    private func listen() {
        if listening != nil { return softToken?.lookNow() ?? () }
        listening = Task { [weak self] in
            guard let token = try? await self?.token() else {
                self?.listening = nil
                return
            }
            let events = await token.events()
            // What can't be told now is told by the events themselves, later.
            Task { try? await token.renewPushAddresses() }
            while !Task.isCancelled {
                let event = await events.next()
                await self?.hear(event)
            }
        }
    }

    private func hear(_ event: Event) async {
        let serial = event.serial
        switch event.news {
        case .requestArrived(let approval): asked[serial, default: []].append(approval)
        case .requestEnded(let id, let ending):
            forget(serial, id)
            if case .asked(let shown) = screen, shown.request.id == id, ending != .answered {
                if ending == .expired { problem(SymbolonError.TooLate) } else { screen = .done(.notConfirmed, .notConfirmedText) }
            }
        case .notActive: gone.insert(serial)
        case .activeAgain: gone.remove(serial)
        case .policyChanged, .clockWrong, .clockRight:
            _ = try? await entries()
            if case .open(let open) = screen, open.entry.info.serial == serial { learn(open.entry, open.session) }
        }
        guard case .accounts = screen else { return }
        let turn = turn
        if let entries = try? await entries(), let damaged = try? await token().damagedAccounts(), turn == self.turn {
            screen = .accounts(entries, damaged: damaged)
        }
    }

    private func forget(_ serial: String, _ id: String) {
        asked[serial]?.removeAll { $0.request().id == id }
    }

    // Waking

    /// The phone has another push address: every server is told.
    public func tellAddress() async {
        try? await token().renewPushAddresses()
    }

    /// The phone was woken: what waits is asked for at once.
    public func look() {
        softToken?.lookNow()
    }

    /// The person has answered a notification. It does not say what is asked, so the servers are asked. What waits alone is
    /// what is meant; its PIN, finger or face is asked for then, and what is to be compared is compared on its own screen.
    public func answer(_ decision: Decision) {
        close()
        attempt(.askingServer) {
            let waiting = try await self.waiting()
            guard let (entry, approval) = waiting.first else {
                self.screen = .done(.notConfirmed, .notConfirmedText)
                return
            }
            guard waiting.count == 1 else { return try await self.home() }
            self.ask(entry, approval)
            let isCompared = decision == .confirm && approval.request().mutualChallenge != nil
            guard case .asked(let asked) = self.screen, self.isAnswerable, !isCompared else { return }
            self.decide(asked, decision) { session in
                // By the policy of now: it may have changed since the notification came.
                try await session.refresh()
                _ = try await self.entries()
                return self.isAnswerable
            }
        }
    }

    /// What waits now, of every account. Where nothing does, a server that can't be asked is told.
    private func waiting() async throws -> [(Entry, Approval)] {
        var waiting: [(Entry, Approval)] = []
        var failure: (any Error)?
        for entry in try await entries() where !entry.info.isOffline {
            do {
                waiting += try await entry.account.requests(wait: 0).map { (entry, $0) }
            } catch {
                failure = error
            }
        }
        if waiting.isEmpty, let failure { throw failure }
        return waiting
    }

    // Adding

    public func add() {
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
        attempt(.askingServer) {
            switch try readScan(scanned: text) {
            case .activation:
                try await self.proposed(try await self.token().activate(link: text))
            case .activationWithoutCode:
                // This app opens no organisation's pages: whoever scans such a link types what stands beside it.
                self.screen = .typed(isOffline: false)
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
        let comparison = proposal.info().comparison
        attempt(comparison == nil ? .activating : .waitingForOldPhone) {
            let accepted = try await proposal.accept(pin: pin)
            if let code = accepted.registrationCode {
                self.screen = .registered(code)
            } else {
                try await self.home()
            }
        }
        // The digits that the old phone wants stay where they can be read.
        if comparison != nil { screen = .working(.waitingForOldPhone, digits: comparison) }
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

    private typealias Then = @MainActor (Session) async throws -> Void

    /// Opens an account; `then` goes on with it. Where the PIN is needed a finger or face is not enough. What it is opened
    /// for stands over the keypad.
    private func unlock(
        _ entry: Entry, note: Note? = nil, isPinNeeded: Bool = false, for request: Request? = nil, then: @escaping Then
    ) {
        let status: AccountStatus
        do {
            status = try entry.account.status()
        } catch {
            return problem(error, entry: entry)
        }
        guard status.isDeviceAllowed else {
            return attempt(.askingServer, entry: entry) {
                // The policy may have changed since it was last heard of.
                await Self.refreshInPassing(entry.account)
                let now = try entry.account.status()
                guard now.isDeviceAllowed else { throw SymbolonError.UnsecureDevice(signals: now.signals) }
                self.unlock(entry, note: note, isPinNeeded: isPinNeeded, for: request, then: then)
            }
        }
        let again: @MainActor (Note?) -> Void = {
            self.unlock(entry, note: $0, isPinNeeded: isPinNeeded, for: request, then: then)
        }
        if status.state == .locked, let challenge = status.lockChallenge {
            screen = .locked(entry, challenge: challenge)
        } else if let length = entry.info.pinLength {
            let help = status.lockChallenge.map { challenge in
                { @MainActor in self.screen = .locked(entry, challenge: challenge) }
            }
            let isOffered = !isPinNeeded && status.biometrics == .on
            let biometrics = isOffered ? { @MainActor in self.prompt(entry, for: request, then: then) } : nil
            let keypad = Keypad(
                .enterPin, length: Int(length), note: note, request: request, help: help, biometrics: biometrics
            ) { pad in
                self.prompting?.cancel()
                self.enter(entry, again: again, then: then) {
                    let opened = try await entry.account.unlock(pin: pad)
                    self.isByBiometrics = false
                    return opened
                }
            }
            screen = .keypad(keypad)
            // Asked by itself once; after a failure it is for the person to ask again.
            if note == nil { biometrics?() }
        } else {
            enter(entry, again: again, then: then) { try await entry.account.unlock(pin: nil) }
        }
    }

    private func enter(
        _ entry: Entry, again: @escaping @MainActor (Note?) -> Void, then: @escaping Then,
        unlock: @escaping @MainActor () async throws -> Session
    ) {
        attempt(.unlocking, entry: entry, again: { again(nil) }) {
            do {
                let opened = try await unlock()
                self.session = opened
                try await then(opened)
            } catch SymbolonError.WrongPin(let triesLeft) {
                again(triesLeft == 0 ? nil : Note(word: .wrongPin, number: Int(triesLeft)))
            } catch SymbolonError.Wait(let left) {
                again(Note(word: .pinWaits, number: Int(left) + 1))
            } catch SymbolonError.Locked {
                again(nil)
            }
        }
    }

    // Biometrics

    /// Has the system ask for a finger or face, over the keypad.
    private func prompt(_ entry: Entry, for request: Request?, then: @escaping Then) {
        let turn = turn
        prompting?.cancel()
        prompting = Task {
            let note: Word
            do {
                let opened = try await entry.account.unlockWithBiometrics(prompt: self.words[.openAccount])
                guard turn == self.turn else { return await opened.lockNow() }
                self.isByBiometrics = true
                let again: @MainActor (Note?) -> Void = { self.unlock(entry, note: $0, for: request, then: then) }
                return self.enter(entry, again: again, then: then) { opened }
            } catch SymbolonError.Cancelled {
                return
            } catch SymbolonError.BiometricsLocked {
                note = .biometricsLocked
            } catch SymbolonError.BiometricsLost {
                self.lost.insert(entry.info.serial)
                note = .biometricsLost
            } catch SymbolonError.BiometricsNotAllowed(let obstacle, _) {
                note = Words.of(obstacle)
            } catch SymbolonError.BiometricsOff {
                note = .biometricsOff
            } catch {
                if turn == self.turn { self.problem(error, entry: entry) }
                return
            }
            if turn == self.turn { self.unlock(entry, note: Note(word: note), for: request, then: then) }
        }
    }

    public func turnOnBiometrics(_ entry: Entry) {
        close()
        unlock(entry, isPinNeeded: true) { try await self.turnOn(entry, $0) }
    }

    /// Offered again after the system has ended them, with the PIN just typed.
    public func turnOnAgain(_ open: OpenAccount) {
        attempt(.working, entry: open.entry) { try await self.turnOn(open.entry, open.session) }
    }

    private func turnOn(_ entry: Entry, _ session: Session) async throws {
        do {
            try await session.turnOnBiometrics(prompt: words[.turnOnBiometrics])
            lost.remove(entry.info.serial)
            close()
            screen = .done(.biometricsOn, .biometricsOnText)
        } catch SymbolonError.Cancelled {
            close()
            try await home()
        }
    }

    public func turnOffBiometrics(_ entry: Entry) {
        close()
        unlock(entry) { session in
            try await session.turnOffBiometrics()
            self.close()
            self.screen = .done(.biometricsOff, .biometricsOffText)
        }
    }

    // Codes

    private func showCode(_ entry: Entry, _ session: Session) async throws {
        do {
            let code = try await session.code()
            let registration = try await session.registrationCode()
            let now = try self.entry(entry.account)
            screen = .open(OpenAccount(
                entry: now, session: session, code: code, registration: registration, offersBiometrics: isOffered(now)))
            if !now.info.isOffline { learn(now, session) }
        } catch {
            noCode(error, entry, session)
        }
    }

    /// Whether biometrics that the system has ended may be turned on again, by the PIN that was just typed.
    private func isOffered(_ entry: Entry) -> Bool {
        lost.contains(entry.info.serial) && entry.status.biometrics == .off && !isByBiometrics
    }

    /// Asks the server for its time and policy while a code is shown: a gate that was closed meanwhile closes now.
    private func learn(_ entry: Entry, _ session: Session) {
        learning = Task {
            do {
                do {
                    try await session.refresh()
                } catch SymbolonError.Unreachable {
                    // The code is right all the same.
                }
                let code = try await session.code()
                _ = try await self.entries()
                guard case .open(let open) = self.screen, open.session === session, !Task.isCancelled else { return }
                let now = try self.entry(entry.account)
                let offers = self.isOffered(now)
                let isSame = code.digits == open.code.digits && offers == open.offersBiometrics
                    && now.status.clockOffset == open.entry.status.clockOffset
                if !isSame { self.screen = .open(open.with(entry: now, code: code, offersBiometrics: offers)) }
            } catch {
                guard case .open(let open) = self.screen, open.session === session else { return }
                self.noCode(error, entry, session)
            }
        }
    }

    /// The time of a code is over.
    public func refreshCode(_ open: OpenAccount) async {
        guard case .open(let shown) = screen, shown.session === open.session else { return }
        let turn = turn
        do {
            let code = try await open.session.code()
            if turn == self.turn { screen = .open(open.with(entry: open.entry, code: code, offersBiometrics: open.offersBiometrics)) }
        } catch {
            if turn == self.turn { noCode(error, open.entry, open.session) }
        }
    }

    private func noCode(_ error: any Error, _ entry: Entry, _ session: Session) {
        switch error {
        case SymbolonError.Closed: toAccounts()
        case SymbolonError.PinMustBeSet: newPin(entry, session)
        default:
            close()
            problem(error, entry: entry)
        }
    }

    private func newPin(_ entry: Entry, _ session: Session) {
        if isByBiometrics {
            // Another PIN takes the one of now.
            close()
            return unlock(entry, isPinNeeded: true) { self.newPin(entry, $0) }
        }
        guard let length = try? entry.account.info().policy.pinLength else { return toAccounts() }
        choosePin(length: length) { self.changePin(session, $0) }
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
        screen = .asked(Asked(entry: entry, approval: approval, request: approval.request()))
    }

    /// The person decides. However often they tap, it is sent once: the first tap leads to another screen.
    public func decide(_ asked: Asked, _ decision: Decision, value: String? = nil) {
        decide(asked, decision, value: value) { _ in true }
    }

    /// The same, if `isAllowed` by then; else it is asked again.
    private func decide(
        _ asked: Asked, _ decision: Decision, value: String? = nil,
        isAllowed: @escaping @MainActor (Session) async throws -> Bool
    ) {
        guard case .asked(let shown) = screen, shown.approval === asked.approval else { return }
        unlock(asked.entry, for: asked.request) { session in
            guard try await isAllowed(session) else {
                self.close()
                return self.ask(asked.entry, asked.approval)
            }
            let outcome = try await session.answer(approval: asked.approval, decision: decision, value: value)
            let (title, text) = Self.words(outcome)
            self.forget(asked.entry.info.serial, asked.request.id)
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

    public func history(_ open: OpenAccount) {
        attempt(.working, entry: open.entry) {
            self.screen = .history(open.entry, try await open.session.history())
        }
    }

    // Settings

    public func settings(_ open: OpenAccount) {
        screen = .settings(open.entry)
    }

    public func changePin(_ entry: Entry) {
        close()
        unlock(entry, isPinNeeded: true) { self.newPin(entry, $0) }
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
            self.asked[entry.info.serial] = nil
            try await self.home()
        }
    }

    public func askToRemove(_ damaged: DamagedAccount) {
        screen = .damaged(damaged)
    }

    /// An account whose file can't be read.
    public func remove(_ damaged: DamagedAccount) {
        attempt(.working) {
            try await self.token().remove(serial: damaged.serial)
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

    /// Asks a server without the person's asking, and waits for it no longer than a person does.
    private static func refreshInPassing(_ account: Account) async {
        let asking = Task { try? await account.refresh() }
        let patience = Task {
            try await Task.sleep(nanoseconds: 3_000_000_000)
            asking.cancel()
        }
        _ = await asking.value
        patience.cancel()
    }

    /// Does something that takes time, and shows what went wrong with what to do; `input` where the person mistyped.
    private func attempt(
        _ waiting: Word?, input: Screen? = nil, entry: Entry? = nil, again: (@MainActor () -> Void)? = nil,
        act: @escaping @MainActor () async throws -> Void
    ) {
        if let waiting { screen = .working(waiting) }
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

    static func words(_ outcome: Outcome) -> (Word, Word) {
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
