import Symbolon
import SwiftUI

struct SettingsView: View {
    let model: Model
    let entry: Entry

    private var words: Words { model.words }

    var body: some View {
        Title(words[.settings])
        if entry.info.pinLength != nil { Choice(words[.changePin], .other) { model.changePin(entry) } }
        if entry.info.pinLength != nil {
            switch entry.status.biometrics {
            case .on: Choice(words[.turnOffBiometrics], .other) { model.turnOffBiometrics(entry) }
            case .off: Choice(words[.turnOnBiometrics], .other) { model.turnOnBiometrics(entry) }
            case .unavailable(let obstacle): Faint(words[Words.of(obstacle)])
            }
        }
        if !entry.info.isOffline { Choice(words[.move], .other) { model.beginMove(entry) } }
        Choice(words[.remove], .warning) { model.askToRemove(entry) }
        Text(words[.support]).font(.headline).accessibilityAddTraits(.isHeader)
        Fact(words[.serial], entry.info.serial)
        Fact(words[.server], entry.info.server ?? words[.unknown])
        Fact(
            words[.lastContact],
            entry.status.lastContact.map { $0.formatted(date: .abbreviated, time: .shortened) } ?? words[.never])
        BackChoice(model: model)
    }
}

/// The ticket for a new phone.
struct MovingView: View {
    let model: Model
    let move: Move
    let ticket: MoveTicket

    private var words: Words { model.words }

    var body: some View {
        Title(words[.move])
        Text(words[.moveText])
        QrShape(width: Int(ticket.qr.width), squares: ticket.qr.squares)
            .fill(.black)
            .background(Color.white)
            .aspectRatio(1, contentMode: .fit)
            .privacySensitive()
            .accessibilityElement()
            .accessibilityLabel(words[.moveQr])
        Choice(words[.cancel], .other) { model.cancelMove(move) }
    }
}

/// A new phone has used the ticket.
struct MoveDigitsView: View {
    let model: Model
    let digits: MoveDigits
    @State private var typed = ""

    private var words: Words { model.words }

    var body: some View {
        Title(words(.moveDigits, digits.model))
        Text(words[.moveDigitsText])
        if let mistake = digits.mistake { Warning(words[mistake]) }
        Field(words[.challengeDigits], .number, $typed)
        Choice(words[.agree]) { model.agree(digits, typed: typed) }
        Choice(words[.cancel], .other) { model.cancelMove(digits.move) }
    }
}

/// Every PIN try is used up, or the PIN is forgotten.
struct LockedView: View {
    let model: Model
    let entry: Entry
    let challenge: String
    let mistake: Word?
    @State private var code = ""

    private var words: Words { model.words }

    var body: some View {
        Title(words[.locked])
        Text(words[.lockedText])
        Fact(words[.serial], entry.info.serial)
        Fact(words[.lockChallenge], challenge)
        if let mistake { Warning(words[mistake]) }
        Field(words[.unlockCode], .secret, $code)
        Choice(words[.unlock]) {
            model.unlockCode(entry, challenge: challenge, code: code)
            code = ""
        }
        BackChoice(model: model)
    }
}

/// It did not work, and what to do.
struct ProblemView: View {
    let model: Model
    let problem: Problem

    private var words: Words { model.words }

    var body: some View {
        let (title, text) = words.of(problem.error)
        Title(title)
        Text(text)
        if case .UnsecureDevice(let signals) = problem.error {
            ForEach(signals, id: \.self) { Text("• \(words[Words.of($0)])") }
        }
        if case .MoveWaits(let digits?) = problem.error { Digits(digits) }
        if let again = problem.again { Choice(words[.again]) { again() } }
        Choice(words[.ok], problem.again == nil ? .first : .other) { model.toAccounts() }
        if problem.isForGood, let entry = problem.entry {
            Choice(words[.remove], .warning) { model.askToRemove(entry) }
        }
    }
}
