import Symbolon
import SwiftUI

/// Draws a screen. Every word is the person's language; nothing is decided here.
struct ScreenView: View {
    @ObservedObject var model: Model

    var body: some View {
        ScrollView {
            VStack(alignment: .leading, spacing: 16) { content }.padding(24)
        }
    }

    private var words: Words { model.words }

    @ViewBuilder private var content: some View {
        switch model.screen {
        case .working(let word, let digits):
            ProgressView()
            Text(words[word]).multilineTextAlignment(.center)
            if let digits { Digits(digits) }
        case .accounts(let entries, let damaged): AccountsView(model: model, entries: entries, damaged: damaged)
        case .add:
            Title(words[.add])
            Text(words[.addText])
            Choice(words[.scan]) { model.scan() }
            Choice(words[.typeCode], .other) { model.type(isOffline: false) }
            Choice(words[.typeOffline], .other) { model.type(isOffline: true) }
            BackChoice(model: model)
        case .scan: ScanView(model: model)
        case .typed(let isOffline, let mistake): TypedView(model: model, isOffline: isOffline, mistake: mistake)
        case .offlinePassword(let qr, let mistake): PasswordView(model: model, qr: qr, mistake: mistake)
        case .proposed(let proposal, let info): ProposedView(model: model, proposal: proposal, info: info)
        case .keypad(let keypad): KeypadView(keypad: keypad, words: words, back: { model.back() })
        case .registered(let code):
            Title(words[.registered])
            Text(words[.registeredText])
            Digits(code)
            Choice(words[.ok]) { model.toAccounts() }
        case .open(let open): OpenView(model: model, open: open)
        case .asked(let asked): AskedView(model: model, asked: asked)
        case .offlineAsked(let approval, let request, let entry):
            Title(words[.offlineAsked])
            Fact(words[.organisation], request.issuer)
            TransactionView(words: words, transaction: request.transaction)
            Text(words[.offlineAskedText])
            Choice(words[.makeCode]) { model.approveOffline(approval, entry) }
            Choice(words[.cancel], .other) { model.back() }
        case .response(let title, let code):
            Title(words[title])
            Text(words[.responseText])
            Digits(code.grouped)
            Choice(words[.ok]) { model.toAccounts() }
        case .challenge(let session, let mistake): ChallengeView(model: model, session: session, mistake: mistake)
        default: LaterScreens(model: model)
        }
    }
}

/// The screens of settings, moving and what goes wrong.
private struct LaterScreens: View {
    @ObservedObject var model: Model

    private var words: Words { model.words }

    @ViewBuilder var body: some View {
        switch model.screen {
        case .moving(_, let move, let ticket): MovingView(model: model, move: move, ticket: ticket)
        case .moveDigits(let digits): MoveDigitsView(model: model, digits: digits)
        case .settings(let entry): SettingsView(model: model, entry: entry)
        case .history(let entry, let decisions): HistoryView(model: model, entry: entry, decisions: decisions)
        case .locked(let entry, let challenge, let mistake):
            LockedView(model: model, entry: entry, challenge: challenge, mistake: mistake)
        case .remove(let entry):
            Title(words[.remove])
            Fact(words[.account], entry.info.account)
            Text(words[.removeText])
            Choice(words[.keep]) { model.toAccounts() }
            Choice(words[.remove], .warning) { model.remove(entry) }
        case .damaged(let account):
            Title(words[.damaged])
            Fact(words[.serial], account.serial)
            Text(words[.damagedText])
            Choice(words[.keep]) { model.toAccounts() }
            Choice(words[.remove], .warning) { model.remove(account) }
        case .done(let title, let text):
            Title(words[title])
            Text(words[text])
            Choice(words[.ok]) { model.toAccounts() }
        case .problem(let problem): ProblemView(model: model, problem: problem)
        default: EmptyView()
        }
    }
}

/// One step back: iPhones have no button for it.
struct BackChoice: View {
    let model: Model

    var body: some View {
        Choice(model.words[.back], .other) { model.back() }
    }
}
