@propertyWrapper @MainActor public struct Binding<Value> {
    private let read: @MainActor () -> Value
    private let write: @MainActor (Value) -> Void

    public init(get: @escaping @MainActor () -> Value, set: @escaping @MainActor (Value) -> Void) {
        read = get
        write = set
    }

    public var wrappedValue: Value {
        get { read() }
        nonmutating set { write(newValue) }
    }

    public var projectedValue: Self { self }
    public static func constant(_ value: Value) -> Self { Self(get: { value }, set: { _ in }) }
}

@propertyWrapper @MainActor public struct State<Value>: _Stateful {
    final class Box {
        var value: Value
        var link: Box?
        init(_ value: Value) { self.value = value }
        var last: Box { link?.last ?? self }
    }

    private let box: Box
    public init(wrappedValue: Value) { box = Box(wrappedValue) }

    public var wrappedValue: Value {
        get { box.last.value }
        nonmutating set { box.last.value = newValue }
    }

    public var projectedValue: Binding<Value> { Binding(get: { box.last.value }, set: { box.last.value = $0 }) }

    var _box: AnyObject { box.last }
    func _link(_ other: AnyObject?) {
        if let other = other as? Box, other !== box { box.link = other }
    }
}

@propertyWrapper @MainActor public struct ObservedObject<Value: ObservableObject> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}

@propertyWrapper @MainActor public struct StateObject<Value: ObservableObject> {
    public var wrappedValue: Value
    public init(wrappedValue: @autoclosure @escaping () -> Value) { self.wrappedValue = wrappedValue() }
}

public enum ScenePhase: Sendable { case background, inactive, active }

@MainActor public struct EnvironmentValues {
    public var scenePhase: ScenePhase
    /// Set by the test.
    public static var _now = EnvironmentValues(scenePhase: .active)
}

@propertyWrapper @MainActor public struct Environment<Value> {
    private let path: KeyPath<EnvironmentValues, Value>
    public init(_ keyPath: KeyPath<EnvironmentValues, Value>) { path = keyPath }
    public var wrappedValue: Value { EnvironmentValues._now[keyPath: path] }
}
