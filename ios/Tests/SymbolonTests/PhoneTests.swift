import DeviceCheck
import Foundation
import LocalAuthentication
import MachO
import Security
import Testing

@testable import Symbolon

extension OnePhone {
    /// The library's own part: keys, biometrics, signs of tampering.
    @Suite final class PhoneTests {
        private let keys = EnclaveKeys()
        private let phone = _Phone.shared

        init() {
            phone.reset()
            _Process.libraries = []
            _Process.isTraced = false
            DCAppAttestService.shared._apple = nil
            unsetenv("DYLD_INSERT_LIBRARIES")
            setenv("XDG_DATA_HOME", FileManager.default.temporaryDirectory.path + "/symbolon-home-\(UUID().uuidString)", 1)
        }

        @Test func theQuickStartLeadsToACodeThatTheServerAccepts() async throws {
            let server = try TestServer()
            let code = try await firstCode(link: try server.handOut("alice").link, pin: [8, 3, 7, 1, 9, 4])
            #expect(try server.accepts("alice", code))
            #expect(phone.keys > 0 && phone.protections == ["aku"])
        }

        @Test func theQuickStartIsTheOneThatTheDocumentationShows() throws {
            let page = try Tree.text("docs/phones.md").components(separatedBy: "```swift\n")[1].components(separatedBy: "```")[0]
            let run = try Tree.text("ios/Tests/SymbolonTests/QuickStart.swift")
            #expect(run.components(separatedBy: "// quick start\n")[1].components(separatedBy: "// end")[0] == page)
        }

        @Test func theFolderIsProtectedAndInNoBackup() throws {
            let folder = try SoftToken.privateFolder()
            #expect(folder.path.hasSuffix("/symbolon"))
        }

        @Test func aDeviceKeySignsAndIsGoneWhenItIsDeleted() async throws {
            let made = try await keys.createSigningKey(label: "a.device", challenge: Data(count: 32))
            #expect(made.protection == .enclave && made.publicKey.count == 65)
            #expect(try await keys.publicKey(label: "a.device") == made.publicKey)
            let signature = try await keys.sign(label: "a.device", message: Data([1]))
            #expect(signature.first == 0x30)
            try await keys.delete(label: "a.device")
            try await keys.delete(label: "a.device")
            #expect(phone.keys == 0 && phone.values == 0)
            await #expect(throws: KeysError.Missing) { try await self.keys.sign(label: "a.device", message: Data([1])) }
        }

        @Test func withoutAnEnclaveThereIsNoWeakerKey() async throws {
            phone.hasEnclave = false
            await #expect(throws: KeysError.Unavailable(reason: "the keychain answers -4")) {
                try await self.keys.createSigningKey(label: "a", challenge: Data(count: 32))
            }
            #expect(phone.keys == 0)
        }

        @Test func thePseudoRandomFunctionIsTheVectors() async throws {
            let vectors = try JSON(Data(try Tree.text("core/vectors/agreement-v1.json").utf8))
            let cases = try #require(vectors["cases"]?.list)
            #expect(cases.count > 2)
            for vector in cases {
                let (input, shared) = (vector.bytes("input"), vector.bytes("shared"))
                #expect(try agreementPoint(input: input) == vector.bytes("point"))
                #expect(try agreementOutput(input: input, shared: shared) == vector.bytes("output"))
            }
            try await keys.createPrfKey(label: "p", access: .unlockedDevice)
            try await keys.createPrfKey(label: "q", access: .unlockedDevice)
            let (one, other) = (Data(repeating: 1, count: 32), Data(repeating: 2, count: 32))
            let value = try await keys.prf(label: "p", input: one)
            #expect(value.count == 32)
            #expect(try await keys.prf(label: "p", input: one) == value)
            #expect(try await keys.prf(label: "p", input: other) != value)
            #expect(try await keys.prf(label: "q", input: one) != value)
        }

        @Test func ticketsAreReadAsTheVectorsSay() throws {
            let vectors = try JSON(Data(try Tree.text("core/vectors/tickets-v1.json").utf8))
            for vector in try #require(vectors["read"]?.list) {
                let text = try #require(vector["text"]?.text)
                guard case .activation = try readScan(scanned: Data(text.utf8)) else {
                    Issue.record("\(text)")
                    continue
                }
            }
            for vector in try #require(vectors["refused"]?.list) {
                let text = try #require(vector["text"]?.text)
                // The link of a mail leaves the code out, and is no ticket yet.
                let read = try? readScan(scanned: Data(text.utf8))
                if case .activationWithoutCode = read {
                    #expect(!text.contains("p="), "\(text)")
                } else {
                    #expect(read == nil, "\(text)")
                }
            }
        }

        @Test func whatIsSealedIsOpenedByItsKeyAlone() async throws {
            for label in ["a", "b"] { try await keys.createSealingKey(label: label, access: .unlockedDevice) }
            let sealed = try await keys.seal(label: "a", plain: Data([7]), prompt: nil)
            #expect(try await keys.open(label: "a", sealed: sealed, prompt: nil) == Data([7]))
            var changed = sealed
            changed[changed.count - 1] ^= 1
            for (label, text) in [("b", sealed), ("a", Data([1])), ("a", changed)] {
                await #expect(throws: KeysError.NotSealedHere) { try await self.keys.open(label: label, sealed: text, prompt: nil) }
            }
            #expect(phone.asked.isEmpty)
        }

        @Test func aBiometricKeyAsksForEachUseAndIsGoneAfterANewEnrolment() async throws {
            try await keys.createSealingKey(label: "a", access: .biometrics)
            #expect(phone.protections.contains("akpu"))
            let sealed = try await keys.seal(label: "a", plain: Data([7]), prompt: "Turn on")
            #expect(try await keys.open(label: "a", sealed: sealed, prompt: "Unlock") == Data([7]))
            #expect(phone.asked == ["Turn on", "Unlock"])
            // Without a prompt the hardware refuses.
            await #expect(throws: KeysError.Unavailable(reason: "the app may not ask now")) {
                try await self.keys.open(label: "a", sealed: sealed, prompt: nil)
            }
            phone.enrol()
            await #expect(throws: KeysError.Missing) { try await self.keys.open(label: "a", sealed: sealed, prompt: "Unlock") }
        }

        /// Each code of LAError, at the prompt and before it.
        @Test(arguments: LAError.Code.allCases) func whatThePromptAnswersIsTold(_ code: LAError.Code) async throws {
            try await keys.createSealingKey(label: "a", access: .biometrics)
            let sealed = try await keys.seal(label: "a", plain: Data([7]), prompt: "Turn on")
            phone.next(.failure(domain: LAErrorDomain, code: code.rawValue))
            let expected: KeysError = switch code {
            case .authenticationFailed, .userCancel, .userFallback, .systemCancel, .appCancel: .Cancelled
            case .biometryLockout: .LockedOut
            case .biometryNotEnrolled, .passcodeNotSet: .Missing
            case .biometryNotAvailable: .Unavailable(reason: "biometrics can't be used now")
            case .notInteractive: .Unavailable(reason: "the app may not ask now")
            case .invalidContext: .Unavailable(reason: "the prompt was withdrawn")
            }
            await #expect(throws: expected) { try await self.keys.open(label: "a", sealed: sealed, prompt: "Unlock") }
            // The next time goes well.
            #expect(try await keys.open(label: "a", sealed: sealed, prompt: "Unlock") == Data([7]))
        }

        @Test func aPhoneThatCannotAskSaysWhy() async throws {
            try await keys.createSealingKey(label: "a", access: .biometrics)
            let sealed = try await keys.seal(label: "a", plain: Data([7]), prompt: "Turn on")
            let asked = phone.asked.count
            for (change, expected) in [
                ({ self.phone.isLockedOut = true }, KeysError.LockedOut),
                ({ self.phone.isEnrolled = false }, .Missing),
                ({ self.phone.hasPasscode = false }, .Missing),
            ] {
                change()
                await #expect(throws: expected) { try await self.keys.open(label: "a", sealed: sealed, prompt: "Unlock") }
            }
            #expect(phone.asked.count == asked)
        }

        /// Each code of the keychain that Apple documents for these calls.
        @Test(arguments: [
            (errSecItemNotFound, KeysError.Missing), (errSecInvalidKeyRef, .Missing), (errSecUserCanceled, .Cancelled),
            (errSecInteractionNotAllowed, .Unavailable(reason: "the phone is locked")),
            (errSecNotAvailable, .Unavailable(reason: "the keychain answers -25291")),
            (errSecMissingEntitlement, .Unavailable(reason: "the keychain answers -34018")),
            (errSecDuplicateItem, .Unavailable(reason: "the keychain answers -25299")),
            (errSecParam, .Unavailable(reason: "the keychain answers -50")),
        ]) func whatTheKeychainAnswersIsTold(_ code: OSStatus, _ expected: KeysError) async throws {
            _ = try await keys.createSigningKey(label: "a", challenge: Data(count: 32))
            phone.failure = code
            await #expect(throws: expected) { try await self.keys.sign(label: "a", message: Data([1])) }
        }

        /// What the enclave's driver answers (TKError).
        @Test(arguments: [
            (-3, KeysError.Missing), (-4, .Cancelled), (-5, .Cancelled), (-6, .Missing),
            (-9, .Unavailable(reason: "the phone is locked")), (-7, .Unavailable(reason: "CryptoTokenKit -7")),
        ]) func whatTheEnclaveAnswersIsTold(_ code: Int, _ expected: KeysError) async throws {
            try await keys.createSealingKey(label: "a", access: .biometrics)
            let sealed = try await keys.seal(label: "a", plain: Data([7]), prompt: "Turn on")
            phone.next(.failure(domain: "CryptoTokenKit", code: code))
            await #expect(throws: expected) { try await self.keys.open(label: "a", sealed: sealed, prompt: "Unlock") }
        }

        @Test func faceAndTouchAreToldApart() {
            let biometrics = PhoneBiometrics()
            for (sensor, expected) in [(_Phone.Sensor.face, [Biometric.face]), (.touch, [.fingerprint]), (.none, [])] {
                phone.sensor = sensor
                #expect(biometrics.available() == expected)
            }
            phone.sensor = .face
            phone.isEnrolled = false
            #expect(biometrics.available() == [])
        }

        @Test func thePushAddressIsWhatTheSystemSaid() async throws {
            let wakeUps = WakeUps(topic: "dev.symbolon.app", isSandbox: true)
            #expect(!wakeUps.isWebPush())
            await #expect(throws: WakeError.self) { try await wakeUps.address(serial: "1", webPushKey: nil) }
            wakeUps.registered(Data([0x0a, 0xff]))
            let address = try await wakeUps.address(serial: "1", webPushKey: nil)
            #expect(address == .apns(token: "0aff", topic: "dev.symbolon.app", sandbox: true))
            wakeUps.refused()
            #expect(try await wakeUps.address(serial: "1", webPushKey: nil) == nil)
        }

        @Test func everySignOfTamperingIsSeen() throws {
            let root = FileManager.default.temporaryDirectory.appendingPathComponent("symbolon-root-\(UUID().uuidString)")
            let probe = PhoneProbe(team: "TEAM123456", root: root.path)
            #expect(probe.signals() == [])
            _Process.isTraced = true
            _Process.libraries = ["/usr/lib/FridaGadget.dylib"]
            phone.accessGroup = "OTHER12345.dev.symbolon.app"
            #expect(probe.signals() == [.debugger, .hookingLibrary, .resignedApp])
            for path in ["Applications/Cydia.app", "private"] {
                try FileManager.default.createDirectory(at: root.appendingPathComponent(path), withIntermediateDirectories: true)
            }
            #expect(probe.signals().prefix(2) == [.jailbreakFiles, .leakySandbox])
            #expect(PhoneProbe(team: nil, root: "/nowhere").signals() == [.debugger, .hookingLibrary])
        }
    }
}

extension JSON {
    /// Bytes in hexadecimal.
    func bytes(_ name: String) -> Data {
        let digits = Array(self[name]?.text ?? "")
        return Data(stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) })
    }
}
