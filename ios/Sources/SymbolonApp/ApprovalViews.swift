import Symbolon
import SwiftUI

/// Something is asked: who, where, what, in this order, and the mutual challenge before the buttons.
struct AskedView: View {
    let model: Model
    let asked: Asked
    @State private var value = ""

    private var words: Words { model.words }

    var body: some View {
        let request = asked.request
        Title(words[.asked])
        Fact(words[.askedBy], request.application)
        Fact(words[.account], "\(request.account) · \(request.issuer)")
        if let place = request.context { PlaceView(words: words, application: request.application, place: place) }
        if let transaction = request.transaction {
            TransactionView(words: words, transaction: transaction)
        } else {
            Fact(words[.what], words[.signIn])
        }
        switch request.mutualChallenge {
        case nil: Choice(words[.confirm]) { model.decide(asked, .confirm) }
        case .pick(let choices):
            Text(words[.pickValue]).font(.headline)
            ForEach(choices, id: \.self) { choice in
                Choice(choice) { model.decide(asked, .confirm, value: choice) }
            }
        case .enter(let length, _, let isNumeric):
            Field(words[.enterValue], isNumeric ? .number : .secret, $value)
            let typed = value.filter { !$0.isWhitespace }
            Choice(words[.confirm]) { model.decide(asked, .confirm, value: typed) }.disabled(typed.count != Int(length))
        }
        Choice(words[.cancel], .other) { model.decide(asked, .cancel) }
        Choice(words[.concern], .warning) { model.decide(asked, .concern) }
        BackChoice(model: model)
    }
}

/// Where a question comes from, in the words of the application that asks.
private struct PlaceView: View {
    let words: Words
    let application: String
    let place: Context

    var body: some View {
        Faint(words(.asClaimed, application))
        if let target = place.application { Fact(words[.signingInTo], target) }
        if let address = place.address { Fact(words[.from], address) }
        if let town = place.place { Fact(words[.place], town) }
        if let agent = place.userAgent { Fact(words[.device], agent) }
    }
}

/// What is to be approved.
struct TransactionView: View {
    let words: Words
    let transaction: Transaction

    var body: some View {
        Fact(words[.what], transaction.summary)
        ForEach(Array(transaction.details.enumerated()), id: \.offset) { detail in
            Fact(detail.element.name, detail.element.value)
        }
    }
}

/// What was decided for an account on this phone.
struct HistoryView: View {
    let model: Model
    let entry: Entry
    let decisions: [HistoryEntry]

    private var words: Words { model.words }

    var body: some View {
        Title(words[.history])
        Faint(words(.historyText, entry.info.account))
        if decisions.isEmpty { Text(words[.historyEmpty]) }
        ForEach(Array(decisions.enumerated()), id: \.offset) { place in
            let decided = place.element
            VStack(alignment: .leading, spacing: 4) {
                Text(decided.summary ?? words[.signIn]).font(.headline)
                Faint([decided.application, decided.time.formatted(date: .abbreviated, time: .shortened)]
                    .compactMap { $0 }.joined(separator: " · "))
                Text(words[decided.word])
            }
            .padding(16)
            .background(Panel())
            .accessibilityElement(children: .combine)
        }
        Choice(words[.ok]) { model.toAccounts() }
    }
}

extension HistoryEntry {
    /// What became of it.
    @MainActor var word: Word {
        if let outcome { return Model.words(outcome).0 }
        if kind == .offlineQr { return .codeWasShown }
        switch decision {
        case .confirm: return .confirmedUnanswered
        case .concern: return .concernUnanswered
        case .cancel: return .cancelledUnanswered
        }
    }
}
