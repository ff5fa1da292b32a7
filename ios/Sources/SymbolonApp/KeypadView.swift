import SwiftUI

/// A keypad of the app's own: no keyboard of others sees the PIN, and each digit crosses to the library alone.
struct KeypadView: View {
    let keypad: Keypad
    let words: Words
    let back: @MainActor () -> Void
    @State private var count = 0

    var body: some View {
        Title(words[keypad.title])
        if let request = keypad.request {
            Fact(words[.askedBy], request.application)
            Fact(words[.what], request.transaction?.summary ?? words[.signIn])
        }
        if let note = keypad.note { Warning(words.sentence(note)) }
        Text(verbatim: (0..<keypad.length).map { $0 < count ? "●" : "○" }.joined(separator: " "))
            .font(.title2)
            .frame(maxWidth: .infinity)
            .accessibilityLabel(words(.digitsTyped, count, keypad.length))
        ForEach([[1, 2, 3], [4, 5, 6], [7, 8, 9]], id: \.self) { row in
            HStack(spacing: 12) {
                ForEach(row, id: \.self) { digit in Key("\(digit)") { push(digit) } }
            }
        }
        HStack(spacing: 12) {
            Key("0") { push(0) }
            Key("⌫", label: words[.delete]) {
                keypad.pad.pop()
                count = keypad.count
            }
        }
        if let ask = keypad.biometrics { Choice(words[.useBiometrics], .other) { ask() } }
        if let help = keypad.help { Choice(words[.forgotPin], .other) { help() } }
        Choice(words[.cancel], .other) { back() }
    }

    private func push(_ digit: Int) {
        guard keypad.count < keypad.length else { return }
        _ = keypad.pad.push(digit: UInt8(digit))
        count = keypad.count
        if count == keypad.length {
            keypad.done(keypad.pad)
            count = 0
        }
    }
}

extension Words {
    /// The sentence over a keypad.
    func sentence(_ note: Note) -> String {
        guard let number = note.number else { return self[note.word] }
        return self(note.word, number)
    }
}

private struct Key: View {
    let text: String
    let label: String
    let act: @MainActor () -> Void

    init(_ text: String, label: String? = nil, act: @escaping @MainActor () -> Void) {
        self.text = text
        self.label = label ?? text
        self.act = act
    }

    var body: some View {
        Button(action: act) {
            Text(text).font(.title).frame(maxWidth: .infinity, minHeight: 48)
        }
        .buttonStyle(.bordered)
        .accessibilityLabel(label)
    }
}
