// Views as a tree of text: what stands on the screen, in order, with what VoiceOver says, and what can be tapped and typed.
@_exported import Combine
@_exported import Foundation

/// What a view is on the screen.
@MainActor
public final class _Node {
    public enum Kind: String, Sendable { case text, button, field, picture, progress, group }

    public let kind: Kind
    public internal(set) var text: String
    public internal(set) var children: [_Node]
    public internal(set) var label: String?
    public internal(set) var value: String?
    public internal(set) var isHeader = false
    public internal(set) var isButton = false
    public internal(set) var isEnabled = true
    public internal(set) var isHidden = false
    public internal(set) var isCombined = false
    public internal(set) var isPrivate = false
    let action: (@MainActor () -> Void)?
    let typing: Binding<String>?
    var tasks: [@MainActor @Sendable () async -> Void] = []

    init(
        _ kind: Kind, _ text: String = "", _ children: [_Node] = [], action: (@MainActor () -> Void)? = nil,
        typing: Binding<String>? = nil
    ) {
        self.kind = kind
        self.text = text
        self.children = children
        self.action = action
        self.typing = typing
    }

    /// This and everything in it, in the order in which it is read.
    public var all: [_Node] { [self] + children.flatMap(\.all) }

    /// What stands here.
    public var words: String { ([text] + children.map(\.words)).filter { !$0.isEmpty }.joined(separator: "\n") }

    /// What VoiceOver says.
    public var spoken: String {
        if isHidden { return "" }
        if let label { return label }
        return ([text] + children.map(\.spoken)).filter { !$0.isEmpty }.joined(separator: ", ")
    }

    public func tap() { if isEnabled { action?() } }
    public var isTappable: Bool { action != nil }
    public func type(_ text: String) { typing?.wrappedValue = text }
    public var typed: String? { typing?.wrappedValue }

    /// The tree, for a person who reads a failed test.
    public func outline(_ depth: Int = 0) -> String {
        var line = "\(String(repeating: "  ", count: depth))\(kind.rawValue)"
        if !text.isEmpty { line += " “\(text)”" }
        if let label { line += " [\(label)]" }
        if isHeader { line += " [heading]" }
        if !isEnabled { line += " [disabled]" }
        return ([line] + children.map { $0.outline(depth + 1) }).joined(separator: "\n")
    }
}

/// What a screen keeps of its views between two renderings: the boxes of their `@State`.
@MainActor
public final class _Window<Content: View> {
    private let content: Content
    private var kept: [String: AnyObject] = [:]
    private var running: [String: Task<Void, Never>] = [:]

    public init(_ content: Content) { self.content = content }

    /// The tree of now. Boxes of views that are gone are gone too.
    public func render() -> _Node {
        let rendering = _Rendering(kept: kept)
        let nodes = rendering.nodes(content, "root")
        kept = rendering.used
        let root = _Node(.group, "", nodes)
        let appeared = rendering.appeared
        // The tasks of views that are gone end, and those of new views begin.
        for (path, task) in running where appeared[path] == nil {
            task.cancel()
            running[path] = nil
        }
        for (path, task) in appeared where running[path] == nil { running[path] = Task { await task() } }
        return root
    }

    public func close() { running.values.forEach { $0.cancel() } }
}

@MainActor
final class _Rendering {
    let kept: [String: AnyObject]
    var used: [String: AnyObject] = [:]
    var appeared: [String: @MainActor @Sendable () async -> Void] = [:]

    init(kept: [String: AnyObject]) { self.kept = kept }

    func nodes<V: View>(_ view: V, _ path: String) -> [_Node] {
        let path = "\(path)/\(V.self)"
        if let primitive = view as? any _Primitive { return primitive._nodes(self, path) }
        for (name, value) in Mirror(reflecting: view).children {
            guard let state = value as? any _Stateful else { continue }
            let key = "\(path).\(name ?? "")"
            state._link(kept[key])
            used[key] = state._box
        }
        return nodes(view.body, path)
    }
}

@MainActor
protocol _Primitive {
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node]
}

@MainActor
protocol _Stateful {
    var _box: AnyObject { get }
    func _link(_ other: AnyObject?)
}
