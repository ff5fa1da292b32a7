import SwiftUI

// The few kinds of views that every screen is made of. All of them grow with the person's text size.

/// What the screen is about.
struct Title: View {
    let text: String

    init(_ text: String) { self.text = text }

    var body: some View {
        Text(text).font(.title).bold().accessibilityAddTraits(.isHeader).frame(maxWidth: .infinity, alignment: .leading)
    }
}

/// A sentence that says more.
struct Faint: View {
    let text: String

    init(_ text: String) { self.text = text }

    var body: some View {
        Text(text).font(.callout).foregroundColor(.secondary).frame(maxWidth: .infinity, alignment: .leading)
    }
}

/// Why something did not happen. Read aloud at once.
struct Warning: View {
    let text: String

    init(_ text: String) { self.text = text }

    var body: some View {
        Text(text)
            .foregroundColor(.red)
            .frame(maxWidth: .infinity, alignment: .leading)
            .task(id: text) { UIAccessibility.post(notification: .announcement, argument: text) }
    }
}

/// A named fact.
struct Fact: View {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    var body: some View {
        VStack(alignment: .leading, spacing: 2) {
            Faint(name)
            Text(value).font(.headline).frame(maxWidth: .infinity, alignment: .leading)
        }
        .accessibilityElement(children: .combine)
        .accessibilityLabel("\(name): \(value)")
    }
}

/// Digits to be read or typed elsewhere.
struct Digits: View {
    let text: String

    init(_ text: String) { self.text = text }

    var body: some View {
        Text(text)
            .font(.system(.largeTitle, design: .monospaced, weight: .bold))
            .foregroundColor(.accentColor)
            .minimumScaleFactor(0.4)
            .lineLimit(1)
            .privacySensitive()
            // Digit by digit, not as a number.
            .accessibilityLabel(text.filter { !$0.isWhitespace }.map(String.init).joined(separator: " "))
    }
}

/// What the person can do.
struct Choice: View {
    enum Weight { case first, other, warning }

    let text: String
    let weight: Weight
    let act: @MainActor () -> Void

    init(_ text: String, _ weight: Weight = .first, act: @escaping @MainActor () -> Void) {
        self.text = text
        self.weight = weight
        self.act = act
    }

    var body: some View {
        if weight == .first {
            button.buttonStyle(.borderedProminent)
        } else {
            button.buttonStyle(.bordered).tint(weight == .warning ? .red : .accentColor)
        }
    }

    private var button: some View {
        Button(action: act) {
            Text(text).frame(maxWidth: .infinity, minHeight: 36)
        }
        .controlSize(.large)
    }
}

/// What the person types.
struct Field: View {
    enum Kind { case address, number, secret }

    let name: String
    let kind: Kind
    let text: Binding<String>

    init(_ name: String, _ kind: Kind, _ text: Binding<String>) {
        self.name = name
        self.kind = kind
        self.text = text
    }

    var body: some View {
        VStack(alignment: .leading, spacing: 2) {
            Faint(name).accessibilityHidden(true)
            TextField(name, text: text)
                .keyboardType(keyboard)
                .textInputAutocapitalization(kind == .secret ? .characters : .never)
                .autocorrectionDisabled()
                .privacySensitive(kind == .secret)
                .padding(12)
                .background(Panel())
        }
    }

    private var keyboard: UIKeyboardType {
        switch kind {
        case .address: .URL
        case .number: .numbersAndPunctuation
        case .secret: .asciiCapable
        }
    }
}

/// A part of the screen that is tapped as a whole.
struct Card<Content: View>: View {
    let act: @MainActor () -> Void
    let content: Content

    init(act: @escaping @MainActor () -> Void, @ViewBuilder content: () -> Content) {
        self.act = act
        self.content = content()
    }

    var body: some View {
        Button(action: act) {
            VStack(alignment: .leading, spacing: 4) { content }
                .padding(16)
                .background(Panel())
        }
        .buttonStyle(.plain)
        .accessibilityElement(children: .combine)
        .accessibilityAddTraits(.isButton)
    }
}

/// What stands out from the ground.
struct Panel: View {
    var body: some View {
        RoundedRectangle(cornerRadius: 12).fill(Color(UIColor.secondarySystemBackground)).accessibilityHidden(true)
    }
}

/// How much of a code's time is left.
struct Ring: View {
    let left: Double
    let label: String

    var body: some View {
        Circle()
            .trim(from: 0, to: left)
            .stroke(.accentColor, style: StrokeStyle(lineWidth: 5))
            .rotationEffect(.degrees(-90))
            .frame(width: 48, height: 48)
            .accessibilityElement()
            .accessibilityLabel(label)
            .accessibilityAddTraits(.updatesFrequently)
    }
}

/// The dark squares of a QR, with the margin that readers need.
struct QrShape: Shape {
    let width: Int
    let squares: Data

    func path(in rect: CGRect) -> Path {
        let side = min(rect.width, rect.height) / CGFloat(width + 8)
        var path = Path()
        for (place, square) in squares.enumerated() where square == 1 {
            let (row, column) = place.quotientAndRemainder(dividingBy: width)
            path.addRect(CGRect(x: CGFloat(column + 4) * side, y: CGFloat(row + 4) * side, width: side, height: side))
        }
        return path
    }
}
