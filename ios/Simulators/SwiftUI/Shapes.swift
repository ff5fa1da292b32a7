public struct Path: Sendable {
    public private(set) var _rectangles: [CGRect] = []
    public init() {}
    public mutating func addRect(_ rect: CGRect) { _rectangles.append(rect) }
}

@MainActor @preconcurrency public protocol Shape: View where Body == _ShapeView {
    nonisolated func path(in rect: CGRect) -> Path
}

extension Shape {
    public var body: _ShapeView { _ShapeView() }
    public func trim(from: CGFloat, to: CGFloat) -> some Shape { self }
    public func stroke(_ color: Color, style: StrokeStyle) -> some View { self }
    public func fill(_ color: Color) -> some View { self }
}

public struct _ShapeView: View, _Primitive {
    public typealias Body = Never
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [_Node(.picture)] }
}

public struct Circle: Shape {
    public init() {}
    public nonisolated func path(in rect: CGRect) -> Path { Path() }
}

public struct RoundedRectangle: Shape {
    public init(cornerRadius: CGFloat) {}
    public nonisolated func path(in rect: CGRect) -> Path { Path() }
}

public struct StrokeStyle: Sendable {
    public init(lineWidth: CGFloat) {}
}

public struct Color: View, _Primitive, Sendable {
    public typealias Body = Never
    public static let primary = Color(), secondary = Color(), accentColor = Color(), red = Color(), white = Color(), black = Color()
    init() {}
    public init(_ color: UIColor) {}
    public func opacity(_ opacity: Double) -> Color { self }
    nonisolated public init(_ name: String, bundle: Bundle? = nil) {}
    func _nodes(_ rendering: _Rendering, _ path: String) -> [_Node] { [] }
}

public struct Angle: Sendable {
    public static func degrees(_ degrees: Double) -> Angle { Angle() }
}
