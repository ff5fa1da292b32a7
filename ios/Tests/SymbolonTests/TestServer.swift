import Foundation
import Testing

/// The real server, as a process with a data directory of its own.
final class TestServer: Sendable {
    private let program: String
    private let folder: URL
    private let process: Process
    private let key: String
    /// What the person types as the server's address.
    let address: String

    init(configuration: String = "") throws {
        // A server that is stopped in the middle is an error of a call, and not the end of the tests.
        signal(SIGPIPE, SIG_IGN)
        let target = try #require(ProcessInfo.processInfo.environment["SYMBOLON_TARGET"], "it names the folder of the server")
        program = "\(target)/symbolon-server"
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("symbolon-ios-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let settings = folder.appendingPathComponent("symbolon.toml")
        try configuration.write(to: settings, atomically: true, encoding: .utf8)
        process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "serve", "--listen", "127.0.0.1:0", "--data-dir", "\(folder.path)/data", "--config", settings.path,
        ]
        let output = Pipe()
        process.standardOutput = output
        let log = folder.appendingPathComponent("log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        var line = Data()
        while !line.contains(10) {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty, "\((try? String(contentsOf: log, encoding: .utf8)) ?? "no log")")
            line += more
        }
        address = try #require(try JSON(line)["url"]?.text)
        key = try #require(
            Self.admin(program, folder, ["application", "add", "Shop", "--scope", "verify,challenge"])["key"]?.text)
    }

    deinit { stop() }

    /// Stops it at once: the network is gone.
    func stop() {
        if process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: folder)
    }

    /// Runs an `admin` command.
    @discardableResult
    func admin(_ arguments: String...) throws -> JSON { try Self.admin(program, folder, arguments) }

    private static func admin(_ program: String, _ folder: URL, _ arguments: [String]) throws -> JSON {
        let said = try run(program, ["admin", "--json", "--data-dir", "\(folder.path)/data"] + arguments)
        return said.isEmpty ? JSON.null : try JSON(said)
    }

    /// Runs a program to its end; answers with what it wrote.
    private static func run(_ program: String, _ arguments: [String]) throws -> Data {
        let run = Process()
        run.executableURL = URL(fileURLWithPath: program)
        run.arguments = arguments
        let (output, errors) = (Pipe(), Pipe())
        run.standardOutput = output
        run.standardError = errors
        try run.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        run.waitUntilExit()
        try #require(run.terminationStatus == 0, "\(arguments): \(String(decoding: said + complaint, as: UTF8.self))")
        return said
    }

    /// What a user is given.
    struct Ticket {
        let serial: String
        let link: String
        let code: String
    }

    /// Hands out a token to a new user, to be activated in any way.
    func handOut(_ user: String) throws -> Ticket {
        try admin("user", "add", user)
        let answer = try admin("token", "add", user, "--method", "online", "--method", "classic")
        return Ticket(
            serial: try #require(answer["token"]?["serial"]?.text),
            link: try #require(answer["ticket"]?["online"]?["link"]?.text),
            code: answer["ticket"]?["classic"]?["code"]?.text ?? "")
    }

    /// Hands out a token by its link alone.
    func handOutOnline(_ user: String) throws -> String {
        try admin("user", "add", user)
        return try #require(try admin("token", "add", user, "--method", "online")["ticket"]?["online"]?["link"]?.text)
    }

    /// Hands out a token that is activated without a network.
    func handOutOffline(_ user: String) throws -> JSON {
        try admin("user", "add", user)
        return try #require(try admin("token", "add", user, "--method", "offline")["ticket"]?["offline"])
    }

    /// Asks what an application asks; answers with what the server said.
    @discardableResult
    func call(_ path: String, _ body: JSON? = nil, method: String? = nil) throws -> JSON {
        var arguments = ["curl", "--silent", "--show-error", "--cacert", "\(folder.path)/data/authority.pem"]
        arguments += ["--header", "Authorization: Bearer \(key)"]
        if let body {
            arguments += ["--header", "Content-Type: application/json", "--data-binary"]
            arguments.append(String(decoding: try body.data(), as: UTF8.self))
        }
        if let method { arguments += ["--request", method] }
        let said = try Self.run("/usr/bin/env", arguments + [address + path])
        return said.isEmpty ? JSON.null : try JSON(said)
    }

    /// Whether a code is one of the user's.
    func accepts(_ user: String, _ code: String) throws -> Bool {
        try call("/v1/verify", ["user": .text(user), "code": .text(code)])["result"]?.text == "accepted"
    }

    /// Asks a user's phones.
    func ask(_ user: String, _ more: [String: JSON] = [:]) throws -> JSON {
        let question: [String: JSON] = ["user": .text(user), "kind": "approval"]
        let asked = try call("/v1/challenges", .object(question.merging(more) { $1 }))
        try #require(asked["id"] != nil, "\(asked)")
        return asked
    }

    /// The application wants no answer any more.
    func withdraw(_ challenge: JSON) throws {
        try call("/v1/challenges/\(try #require(challenge["id"]?.text))", method: "DELETE")
    }

    /// What became of it.
    func status(_ challenge: JSON) throws -> String {
        let id = try #require(challenge["id"]?.text, "\(challenge)")
        return try #require(try call("/v1/challenges/\(id)")["status"]?.text)
    }
}
