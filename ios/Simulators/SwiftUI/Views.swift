// The names of Apple's SwiftUI that the app uses.

@MainActor @preconcurrency public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View {
    public var body: Never { fatalError("a primitive view has no body") }
}

extension View where Body == Never {
    public var body: Never { fatalError("a primitive view has no body") }
}

@MainActor @resultBuilder public enum ViewBuilder {
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<C: View>(_ content: C) -> C { content }
    public static func buildBlock<each C: View>(_ content: repeat each C) -> TupleView<repeat each C> {
        TupleView(repeat each content)
    }
    public static func buildExpression<C: View>(_ content: C) -> C { content }
    public static func buildIf<C: View>(_ content: C?) -> C? { content }
    public static func buildEither<T: View, F: View>(first: T) -> _ConditionalContent<T, F> { .first(first) }
    public static func buildEither<T: View, F: View>(second: F) -> _ConditionalContent<T, F> { .second(second) }
}

public struct EmptyView: View, _Primitive {
    public typealias Body = Never
    public init() {}
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [] }
}

public struct TupleView<each C: View>: View, _Primitive {
    public typealias Body = Never
    private let content: (repeat each C)
    init(_ content: repeat each C) { self.content = (repeat each content) }

    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        var nodes: [_Node] = []
        var place = 0
        for view in repeat each content {
            nodes += rendering.nodes(view, "\(path)[\(place)]")
            place += 1
        }
        return nodes
    }
}

public enum _ConditionalContent<T: View, F: View>: View, _Primitive {
    case first(T), second(F)
    public typealias Body = Never
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        switch self {
        case .first(let view): rendering.nodes(view, "\(path).1")
        case .second(let view): rendering.nodes(view, "\(path).2")
        }
    }
}

extension Optional: View where Wrapped: View {
    public typealias Body = Never
}
extension Optional: _Primitive where Wrapped: View {
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { map { rendering.nodes($0, path) } ?? [] }
}

public struct Text: View, _Primitive {
    public typealias Body = Never
    private let text: String
    public init<S: StringProtocol>(_ content: S) { text = String(content) }
    public init(verbatim content: String) { text = content }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.text, text)] }
}

public enum HorizontalAlignment: Sendable { case leading, center, trailing }
public enum VerticalAlignment: Sendable { case top, center, bottom, firstTextBaseline }

public struct VStack<Content: View>: View, _Primitive {
    public typealias Body = Never
    private let content: Content
    public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {
        self.content = content()
    }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.group, "", rendering.nodes(content, path))] }
}

public struct HStack<Content: View>: View, _Primitive {
    public typealias Body = Never
    private let content: Content
    public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {
        self.content = content()
    }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.group, "", rendering.nodes(content, path))] }
}

public struct ZStack<Content: View>: View, _Primitive {
    public typealias Body = Never
    private let content: Content
    public init(@ViewBuilder content: () -> Content) { self.content = content() }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.group, "", rendering.nodes(content, path))] }
}

public struct ScrollView<Content: View>: View, _Primitive {
    public typealias Body = Never
    private let content: Content
    public init(@ViewBuilder content: () -> Content) { self.content = content() }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.group, "", rendering.nodes(content, path))] }
}

public struct Group<Content: View>: View, _Primitive {
    public typealias Body = Never
    private let content: Content
    public init(@ViewBuilder content: () -> Content) { self.content = content() }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { rendering.nodes(content, path) }
}

public struct Spacer: View, _Primitive {
    public typealias Body = Never
    public init(minLength: CGFloat? = nil) {}
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [] }
}

public struct ForEach<Data: RandomAccessCollection, ID: Hashable, Content: View>: View, _Primitive {
    public typealias Body = Never
    private let views: [(ID, Content)]
    public init(_ data: Data, id: KeyPath<Data.Element, ID>, @ViewBuilder content: @escaping (Data.Element) -> Content) {
        views = data.map { ($0[keyPath: id], content($0)) }
    }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        views.flatMap { rendering.nodes($0.1, "\(path)[\($0.0)]") }
    }
}

public struct Button<Label: View>: View, _Primitive {
    public typealias Body = Never
    private let label: Label
    private let action: @MainActor () -> Void
    public init(action: @escaping @MainActor () -> Void, @ViewBuilder label: () -> Label) {
        self.label = label()
        self.action = action
    }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        let node = _Node(.button, "", rendering.nodes(label, path), action: action)
        node.isButton = true
        return [node]
    }
}

public struct TextField<Label: View>: View, _Primitive {
    public typealias Body = Never
    private let title: String
    private let text: Binding<String>
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        let node = _Node(.field, "", [], typing: text)
        node.label = title
        return [node]
    }
}

extension TextField where Label == Text {
    public init<S: StringProtocol>(_ title: S, text: Binding<String>) {
        self.title = String(title)
        self.text = text
    }
}

public struct ProgressView: View, _Primitive {
    public typealias Body = Never
    public init() {}
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.progress)] }
}

public struct Image: View, _Primitive {
    public typealias Body = Never
    private let name: String
    public init(systemName: String) { name = systemName }
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.picture)] }
}

public struct TimelineView<Schedule, Content: View>: View, _Primitive {
    public typealias Body = Never
    private let content: (TimelineViewDefaultContext) -> Content
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] {
        rendering.nodes(content(TimelineViewDefaultContext(date: Date())), path)
    }
}

public struct TimelineViewDefaultContext { public let date: Date }

public struct PeriodicTimelineSchedule: Sendable {
    public static func periodic(from: Date, by: TimeInterval) -> Self { Self() }
}

extension TimelineView where Schedule == PeriodicTimelineSchedule {
    public init(_ schedule: Schedule, @ViewBuilder content: @escaping (TimelineViewDefaultContext) -> Content) { self.content = content }
}
