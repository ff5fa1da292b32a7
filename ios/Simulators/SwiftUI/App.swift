@MainActor @preconcurrency public protocol Scene {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
}

extension Never: Scene {}

@MainActor @resultBuilder public enum SceneBuilder {
    public static func buildBlock<C: Scene>(_ content: C) -> C { content }
    public static func buildExpression<C: Scene>(_ content: C) -> C { content }
}

@MainActor @preconcurrency public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}

extension App {
    public static func main() { fatalError("there is no phone here") }
}

public struct WindowGroup<Content: View>: Scene {
    public let _content: Content
    public init(@ViewBuilder content: () -> Content) { _content = content() }
    public var body: Never { fatalError("a primitive scene has no body") }
}

@propertyWrapper @MainActor public struct UIApplicationDelegateAdaptor<Delegate: UIResponder> {
    public let wrappedValue: Delegate
    public init(_ type: Delegate.Type = Delegate.self) { wrappedValue = type.init() }
}

@MainActor @preconcurrency public protocol UIViewControllerRepresentable: View where Body == _ShapeView {
    associatedtype UIViewControllerType: UIViewController
    typealias Context = UIViewControllerRepresentableContext<Self>
    func makeUIViewController(context: Context) -> UIViewControllerType
    func updateUIViewController(_ controller: UIViewControllerType, context: Context)
}

extension UIViewControllerRepresentable {
    public var body: _ShapeView { _ShapeView() }
}

public struct UIViewControllerRepresentableContext<R> {}
