import Symbolon
import SwiftUI

struct AccountsView: View {
    @ObservedObject var model: Model
    let entries: [Entry]
    let damaged: [DamagedAccount]

    private var words: Words { model.words }

    var body: some View {
        if entries.isEmpty && damaged.isEmpty {
            Title(words[.welcome])
            Text(words[.welcomeText])
            Choice(words[.add]) { model.add() }
        } else {
            Title(words[.accounts])
            ForEach(entries, id: \.info.serial) { entry in
                ForEach(entry.asked, id: \.id) { approval in
                    let request = approval.request()
                    Card(act: { model.ask(entry, approval) }) {
                        Text(words[.asked]).font(.headline).foregroundColor(.accentColor)
                        Text(request.transaction?.summary ?? words[.signIn])
                        Faint(request.application)
                    }
                }
                Card(act: { model.unlock(entry) }) {
                    Text(entry.info.label ?? entry.info.issuer).font(.headline)
                    Faint("\(entry.info.issuer) · \(entry.info.account)")
                    if let state = entry.state { Warning(words[state]) }
                }
            }
            ForEach(damaged, id: \.serial) { account in
                Card(act: { model.askToRemove(account) }) {
                    Text(account.serial).font(.headline)
                    Warning(words[.damaged])
                }
            }
            Choice(words[.scan], .other) { model.scan() }
            Choice(words[.add], .other) { model.add() }
        }
    }
}

extension Approval {
    /// What the list tells approvals apart by.
    var id: String { request().id }
}

extension Entry {
    /// What the person should know before they open it.
    var state: Word? {
        if isGone { return .notActive }
        if !status.isDeviceAllowed { return .unsecure }
        switch status.state {
        case .locked: return .locked
        case .activating: return info.isOffline ? .activatingOffline : .activatingState
        case .active: return nil
        }
    }
}

/// What stands on paper is typed.
struct TypedView: View {
    let model: Model
    let isOffline: Bool
    let mistake: Word?
    @State private var server = ""
    @State private var serial = ""
    @State private var code = ""

    private var words: Words { model.words }

    var body: some View {
        Title(words[isOffline ? .typeOffline : .typeCode])
        if let mistake { Warning(words[mistake]) }
        Field(words[.server], .address, $server)
        Field(words[.serial], .number, $serial)
        Field(words[.activationCode], .secret, $code)
        Choice(words[.goOn]) {
            model.typed(server: server, serial: serial, code: code, isOffline: isOffline)
            code = ""
        }
        BackChoice(model: model)
    }
}

/// The password of a QR that was scanned.
struct PasswordView: View {
    let model: Model
    let qr: Data
    let mistake: Word?
    @State private var password = ""

    private var words: Words { model.words }

    var body: some View {
        Title(words[.password])
        Text(words[.passwordText])
        if let mistake { Warning(words[mistake]) }
        Field(words[.password], .secret, $password)
        Choice(words[.goOn]) {
            model.offlinePassword(qr: qr, password: password)
            password = ""
        }
        BackChoice(model: model)
    }
}

struct ProposedView: View {
    let model: Model
    let proposal: Proposal
    let info: ProposalInfo

    private var words: Words { model.words }

    var body: some View {
        Title(words[.proposed])
        Fact(words[.server], info.server ?? words[.unknown])
        Fact(words[.organisation], info.issuer)
        Fact(words[.account], info.account)
        Fact(words[.serial], info.serial)
        Text(words[info.isOffline ? .proposedOffline : .proposedText])
        if let comparison = info.comparison {
            Text(words[.comparison])
            Digits(comparison)
        }
        Choice(words[.accept]) { model.accept(proposal) }
        Choice(words[.decline], .other) { model.back() }
    }
}

/// An open account.
struct OpenView: View {
    @ObservedObject var model: Model
    let open: OpenAccount

    private var words: Words { model.words }

    var body: some View {
        Title(open.entry.info.label ?? open.entry.info.issuer)
        Faint("\(open.entry.info.issuer) · \(open.entry.info.account)")
        Digits(open.code.grouped)
        TimelineView(.periodic(from: Date(), by: 0.25)) { context in
            let left = open.code.validUntil.timeIntervalSince(context.date)
            Ring(left: min(max(left / open.code.period, 0), 1), label: words(.secondsLeft, Int(max(left, 0))))
        }
        .task(id: open.code.validUntil) {
            try? await Task.sleep(nanoseconds: UInt64(max(open.code.validUntil.timeIntervalSinceNow, 0) * 1e9))
            if !Task.isCancelled { await model.refreshCode(open) }
        }
        if let minutes = open.wrongMinutes { Warning(words(.clockWrong, minutes)) }
        if let registration = open.registration {
            Fact(words[.registrationCode], registration)
        }
        Choice(words[.copy]) { copy(open.code) }
        if open.offersBiometrics {
            Text(words[.biometricsOffer])
            Choice(words[.turnOnBiometrics], .other) { model.turnOnAgain(open) }
        }
        Choice(words[.respond], .other) { model.challenge(open) }
        Choice(words[.history], .other) { model.history(open) }
        Choice(words[.settings], .other) { model.settings(open) }
        BackChoice(model: model)
    }
}

/// Puts a code on the clipboard of this phone alone, until it counts no more.
@MainActor
private func copy(_ code: Code) {
    UIPasteboard.general.setItems(
        [["public.utf8-plain-text": code.digits]],
        options: [.localOnly: true, .expirationDate: code.validUntil.addingTimeInterval(code.period)])
}

/// Digits of a page are typed.
struct ChallengeView: View {
    let model: Model
    let session: Session
    let mistake: Word?
    @State private var digits = ""

    private var words: Words { model.words }

    var body: some View {
        Title(words[.respond])
        Text(words[.respondText])
        if let mistake { Warning(words[mistake]) }
        Field(words[.challengeDigits], .number, $digits)
        Choice(words[.goOn]) { model.respond(session, digits: digits) }
        BackChoice(model: model)
    }
}
