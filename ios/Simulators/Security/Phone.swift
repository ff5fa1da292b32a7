/// The simulated phone: what its hardware holds, who is enrolled, and what the person does at the next prompt.
public final class _Phone: @unchecked Sendable {
    public static let shared = _Phone()

    public enum Sensor: Sendable { case none, touch, face }

    /// What the person does when the system asks.
    public enum Answer: Sendable {
        case recognised
        /// A failure as the system reports it.
        case failure(domain: String, code: Int)
    }

    private let lock = NSRecursiveLock()
    private var state = State()

    private struct State {
        var sensor = Sensor.face
        var isEnrolled = true
        var enrolment = 1
        var isLockedOut = false
        var hasPasscode = true
        var isLocked = false
        var hasEnclave = true
        var answers: [Answer] = []
        var asked: [String] = []
        var failure: OSStatus?
        var accessGroup = "TEAM123456.dev.symbolon.app"
        var items: [[String: Any]] = []
    }

    public func _with<T>(_ use: () throws -> T) rethrows -> T {
        lock.lock()
        defer { lock.unlock() }
        return try use()
    }

    /// A new phone, out of its box.
    public func reset() { _with { state = State() } }

    public var sensor: Sensor { get { _with { state.sensor } } set { _with { state.sensor = newValue } } }
    public var isLockedOut: Bool { get { _with { state.isLockedOut } } set { _with { state.isLockedOut = newValue } } }
    public var isLocked: Bool { get { _with { state.isLocked } } set { _with { state.isLocked = newValue } } }
    public var hasPasscode: Bool { get { _with { state.hasPasscode } } set { _with { state.hasPasscode = newValue } } }
    public var hasEnclave: Bool { get { _with { state.hasEnclave } } set { _with { state.hasEnclave = newValue } } }
    public var isEnrolled: Bool { get { _with { state.isEnrolled } } set { _with { state.isEnrolled = newValue } } }
    public var enrolment: Int { _with { state.enrolment } }
    public var accessGroup: String { get { _with { state.accessGroup } } set { _with { state.accessGroup = newValue } } }

    /// What every call of the keychain and the enclave answers from now on.
    public var failure: OSStatus? { get { _with { state.failure } } set { _with { state.failure = newValue } } }

    /// What the person will do at the next prompt; without it they are recognised.
    public func next(_ answer: Answer) { _with { state.answers.append(answer) } }

    /// The sentences of the prompts so far.
    public var asked: [String] { _with { state.asked } }

    /// Another finger or face is enrolled.
    public func enrol() { _with { state.enrolment += 1 } }

    /// How many keys the enclave holds.
    public var keys: Int { _with { state.items.filter { $0["v_Ref"] != nil }.count } }

    public var values: Int { _with { state.items.filter { $0["v_Ref"] == nil }.count } }

    /// How everything in the keychain is protected.
    public var protections: Set<String> {
        _with {
            Set(state.items.compactMap { item in
                (item["v_Ref"] as? SecKey)?._access?._protection ?? item["pdmn"] as? String
            })
        }
    }

    /// The keychain loses everything, as after a restore to another phone.
    public func lose() { _with { state.items = [] } }

    var _items: [[String: Any]] { get { state.items } set { state.items = newValue } }

    /// Shows a prompt; throws what the person's answer leads to.
    func ask(_ reason: String) throws {
        let answer: Answer = _with {
            state.asked.append(reason)
            return state.answers.isEmpty ? .recognised : state.answers.removeFirst()
        }
        if case .failure(let domain, let code) = answer { throw NSError(domain: domain, code: code) }
    }
}
