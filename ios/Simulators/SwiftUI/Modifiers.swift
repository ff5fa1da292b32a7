@_exported import UIKit

/// A view that something was said about.
public struct _Modified<Content: View>: View, _Primitive {
    public typealias Body = Never
    let content: Content
    let change: @MainActor ([_Node]) -> [_Node]
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { change(rendering.nodes(content, path)) }
}

/// A view over another.
struct _Covered<Content: View, Cover: View>: View, _Primitive {
    typealias Body = Never
    let content: Content
    let cover: Cover
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        rendering.nodes(content, path) + rendering.nodes(cover, "\(path).over")
    }
}

/// A view with a task that runs while it is there.
struct _Tasked<Content: View>: View, _Primitive {
    typealias Body = Never
    let content: Content
    let id: String
    let task: @MainActor @Sendable () async -> Void
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        rendering.appeared["\(path)#\(id)"] = task
        return rendering.nodes(content, path)
    }
}

public struct Font: Sendable {
    public enum TextStyle: Sendable { case largeTitle, title, title2, title3, headline, body, callout, footnote }
    public enum Weight: Sendable { case regular, semibold, bold }
    public enum Design: Sendable { case `default`, monospaced, rounded }
    public static let largeTitle = Font(), title = Font(), title2 = Font(), title3 = Font(), headline = Font(), body = Font()
    public static let callout = Font(), footnote = Font()
    public static func system(_ style: TextStyle, design: Design? = nil, weight: Weight? = nil) -> Font { Font() }
    public func bold() -> Font { self }
}

public enum TextAlignment: Sendable { case leading, center, trailing }
public struct Alignment: Sendable {
    public static let center = Alignment(), leading = Alignment(), top = Alignment()
}
public struct EdgeSet: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let top = Self(rawValue: 1), horizontal = Self(rawValue: 2), vertical = Self(rawValue: 4), all = Self(rawValue: 7)
}

public struct AccessibilityTraits: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let isHeader = Self(rawValue: 1), isButton = Self(rawValue: 2), updatesFrequently = Self(rawValue: 4)
}

public enum AccessibilityChildBehavior: Sendable { case combine, ignore, contain }
public enum ContentMode: Sendable { case fit, fill }

public struct TextInputAutocapitalization: Sendable {
    public static var never: Self { Self() }
    public static var characters: Self { Self() }
}

public protocol PrimitiveButtonStyle {}
public struct BorderedProminentButtonStyle: PrimitiveButtonStyle { public init() {} }
public struct BorderedButtonStyle: PrimitiveButtonStyle { public init() {} }
public struct PlainButtonStyle: PrimitiveButtonStyle { public init() {} }
extension PrimitiveButtonStyle where Self == BorderedProminentButtonStyle { public static var borderedProminent: Self { Self() } }
extension PrimitiveButtonStyle where Self == BorderedButtonStyle { public static var bordered: Self { Self() } }
extension PrimitiveButtonStyle where Self == PlainButtonStyle { public static var plain: Self { Self() } }

public struct ControlSize: Sendable { public static let large = Self() }

extension View {
    private func changed(_ change: @escaping @MainActor (_Node) -> Void) -> _Modified<Self> {
        _Modified(content: self) { nodes in
            for node in nodes { change(node) }
            return nodes
        }
    }

    public func font(_ font: Font?) -> some View { self }
    public func bold() -> some View { self }
    public func foregroundColor(_ color: Color?) -> some View { self }
    public func tint(_ color: Color?) -> some View { self }
    public func padding(_ edges: EdgeSet = .all, _ length: CGFloat? = nil) -> some View { self }
    public func padding(_ length: CGFloat) -> some View { self }
    public func background<B: View>(_ background: B) -> some View { self }
    public func frame(
        minWidth: CGFloat? = nil, idealWidth: CGFloat? = nil, maxWidth: CGFloat? = nil, minHeight: CGFloat? = nil,
        idealHeight: CGFloat? = nil, maxHeight: CGFloat? = nil, alignment: Alignment = .center
    ) -> some View { self }
    public func frame(width: CGFloat? = nil, height: CGFloat? = nil, alignment: Alignment = .center) -> some View { self }
    public func multilineTextAlignment(_ alignment: TextAlignment) -> some View { self }
    public func minimumScaleFactor(_ factor: CGFloat) -> some View { self }
    public func lineLimit(_ number: Int?) -> some View { self }
    public func fixedSize(horizontal: Bool, vertical: Bool) -> some View { self }
    public func aspectRatio(_ ratio: CGFloat?, contentMode: ContentMode) -> some View { self }
    public func rotationEffect(_ angle: Angle) -> some View { self }
    public func ignoresSafeArea() -> some View { self }
    public func buttonStyle<S: PrimitiveButtonStyle>(_ style: S) -> some View { self }
    public func controlSize(_ size: ControlSize) -> some View { self }
    public func keyboardType(_ type: UIKeyboardType) -> some View { self }
    public func textContentType(_ type: UITextContentType?) -> some View { self }
    public func textInputAutocapitalization(_ kind: TextInputAutocapitalization?) -> some View { self }
    public func autocorrectionDisabled(_ disable: Bool = true) -> some View { self }
    public func privacySensitive(_ sensitive: Bool = true) -> some View { changed { $0.isPrivate = sensitive } }
    public func disabled(_ disabled: Bool) -> some View { changed { $0.isEnabled = !disabled } }

    public func accessibilityLabel<S: StringProtocol>(_ label: S) -> some View { changed { $0.label = String(label) } }
    public func accessibilityValue<S: StringProtocol>(_ value: S) -> some View { changed { $0.value = String(value) } }
    public func accessibilityHidden(_ hidden: Bool) -> some View { changed { $0.isHidden = hidden } }
    public func accessibilityElement(children: AccessibilityChildBehavior = .ignore) -> some View {
        changed { node in
            node.isCombined = true
            if children == .ignore { node.children.forEach { $0.isHidden = true } }
        }
    }
    public func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View {
        changed { node in
            if traits.contains(.isHeader) { node.isHeader = true }
            if traits.contains(.isButton) { node.isButton = true }
        }
    }

    public func overlay<V: View>(alignment: Alignment = .center, @ViewBuilder content: () -> V) -> some View {
        _Covered(content: self, cover: content())
    }
    public func task<T: Equatable>(id: T, _ action: @escaping @MainActor @Sendable () async -> Void) -> some View {
        _Tasked(content: self, id: "\(id)", task: action)
    }
    public func onOpenURL(perform action: @escaping (URL) -> Void) -> some View { self }
    public func onChange<V: Equatable>(of value: V, perform action: @escaping (V) -> Void) -> some View { self }
    public func onDisappear(perform action: (() -> Void)? = nil) -> some View { self }
}
