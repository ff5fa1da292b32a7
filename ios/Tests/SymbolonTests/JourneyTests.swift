import DeviceCheck
import Foundation
import MachO
import Security
import SwiftUI
import Symbolon
import Testing
import UserNotifications

@testable import SymbolonApp

private let pin = "837194"

extension OnePhone {
    /// What a person does with the app, with the real library and a real server.
    @MainActor @Suite final class JourneyTests {
        private let server: TestServer
        private let phone = _Phone.shared

        init() throws {
            server = try TestServer()
            phone.reset()
            UNUserNotificationCenter.current()._categories = []
            _Process.libraries = []
            _Process.isTraced = false
            DCAppAttestService.shared._apple = nil
            UIScreen.main.isCaptured = false
        }

        private func activated(_ user: String = "alice") async throws -> Person {
            let person = try Person(link: try server.handOut(user).link)
            try await accept(person)
            return person
        }

        private func accept(_ person: Person) async throws {
            try await person.sees(.proposed)
            try await person.tap(.accept)
            try await person.choosePin(pin)
            try await person.sees(.accounts)
        }

        private func openCode(_ person: Person, _ account: String = "alice") async throws {
            try await person.tap(account)
            try await person.pin(pin)
            try await person.sees(.copy)
        }

        private let payment: [String: JSON] = [
            "transaction": [
                "summary": "Pay 12.50 EUR to Ana Gómez", "details": [["name": "Amount", "value": "12.50 EUR"]],
            ]
        ]

        @Test func aLinkLeadsToACodeThatTheServerAccepts() async throws {
            let person = try Person(link: try server.handOut("alice").link)
            try await person.sees(server.address.replacingOccurrences(of: "https://", with: ""))
            try await person.sees("alice")
            try await accept(person)
            try await openCode(person)
            let code = try person.digits()
            #expect(try server.accepts("alice", code))

            // The clipboard of this phone alone, and not for ever.
            try await person.tap(.copy)
            let board = UIPasteboard.general
            #expect(board._items.first?["public.utf8-plain-text"] as? String == code)
            #expect(board._options[.localOnly] as? Bool == true)
            #expect((board._options[.expirationDate] as? Date).map { $0 < Date().addingTimeInterval(61) } == true)

            // Whoever comes back finds it closed.
            person.leaveAndComeBack()
            try await person.sees(.accounts)
            #expect(!person.text().contains(person.words[.copy]))
        }

        @Test func aTicketOnPaperIsTyped() async throws {
            let ticket = try server.handOut("alice")
            let person = try Person()
            try await person.sees(.welcome)
            try await person.tap(.add)
            try await person.tap(.typeCode)
            for serial in ["12", ticket.serial] {
                try await person.type(.server, server.address)
                try await person.type(.serial, serial)
                try await person.type(.activationCode, ticket.code)
                try await person.tap(.goOn)
                try await person.sees(serial == "12" ? .mistyped : .proposed)
            }
            try await accept(person)
        }

        @Test func aQrAndAPasswordActivateWithoutANetwork() async throws {
            let offline = try server.handOutOffline("alice")
            let person = try Person()
            person.tapLink(try #require(offline["qr"]?.text))
            try await person.type(.password, try #require(offline["password"]?.text))
            try await person.tap(.goOn)
            try await person.sees(.proposedOffline)
            try await person.tap(.accept)
            try await person.choosePin(pin)
            try await person.sees(.registered)
            let registration = try person.digits()
            try await person.tap(.ok)
            try await person.sees(.activatingOffline)
            try await openCode(person)
            let code = try person.digits()
            guard case .open(let open) = person.model.screen else { return #expect(Bool(false)) }
            try server.admin(
                "token", "complete", open.entry.info.serial, "--registration-code", registration, "--code", code)
            // The first code was used by that.
            #expect(try !server.accepts("alice", code))
        }

        @Test func wrongPinsLockTheTokenAndTheHelpDesksCodeIsTheWayBack() async throws {
            try server.admin("policy", "set", "pin_tries=2")
            let person = try await activated()
            try await person.tap("alice")
            try await person.pin("111111")
            try await person.sees(.wrongPin, 1)
            try await person.pin("111111")
            try await person.sees(.lockedText)
            guard case .locked(let entry, let challenge, _) = person.model.screen else { return #expect(Bool(false)) }
            try await person.type(.unlockCode, "ABCD-EFGH-JKMN-PQRS")
            try await person.tap(.unlock)
            try await person.sees(.wrongUnlockCode)
            let code = try server.admin("token", "unlock-pin", entry.info.serial, challenge)["unlock_code"]?.text
            try await person.type(.unlockCode, try #require(code))
            try await person.tap(.unlock)
            try await person.choosePin("407183")
            try await person.sees(.pinSet)
            try await person.tap(.ok)
            try await person.tap("alice")
            try await person.pin("407183")
            try await person.sees(.copy)
        }

        @Test func weakPinsAreRefusedWithTheirReason() async throws {
            let person = try Person(link: try server.handOut("alice").link)
            try await person.tap(.accept)
            for (weak, reason) in [("123456", Word.pinRun), ("121212", .pinRepetition), ("110990", .pinDate)] {
                try await person.sees(.choosePin)
                try await person.pin(weak)
                try await person.sees(reason)
            }
            try await person.pin(pin)
            try await person.sees(.repeatPin)
            try await person.pin("837195")
            try await person.sees(.pinsDiffer)
        }

        @Test func anApprovalIsConfirmedWithItsValueAndFiftyTapsAnswerOnce() async throws {
            let person = try await activated()
            let asked = try server.ask("alice", payment)
            try await person.tap("Pay 12.50 EUR to Ana Gómez")
            try await person.sees("Shop")
            // Who, what, then the challenge, then the buttons.
            let said = person.spoken()
            let order = [.askedBy, .what, .enterValue, .confirm, .cancel, .concern].map { (word: Word) in
                said.range(of: person.words[word])?.lowerBound
            }
            #expect(!order.contains(nil) && order.compactMap { $0 }.isSorted)
            try await person.type(.enterValue, try #require(asked["mutual_challenge"]?.text))
            let button = try #require(person.screen().all.first { $0.kind == .button && $0.words == person.words[.confirm] })
            for _ in 0..<50 { button.tap() }
            try await person.pin(pin)
            try await person.sees(.confirmedText)
            #expect(try server.status(asked) == "confirmed")
            try await person.tap(.ok)
            // It lasts.
            person.startAgain()
            try await openCode(person)
            try await person.tap(.history)
            try await person.sees("Pay 12.50 EUR to Ana Gómez")
            try await person.sees(.confirmed)
        }

        @Test func anApprovalIsCancelledReportedOrGivenAWrongValue() async throws {
            let person = try await activated()
            for (choice, seen, status) in [
                (Word.cancel, Word.cancelledText, "cancelled"), (.confirm, .valueWasWrongText, "mutual_challenge_failed"),
                (.concern, .concernRaisedText, "concern"),
            ] {
                let asked = try server.ask("alice", payment)
                try await person.tap("Pay 12.50 EUR to Ana Gómez")
                if choice == .confirm {
                    let right = try #require(asked["mutual_challenge"]?.text)
                    try await person.type(.enterValue, right == "11" ? "22" : "11")
                }
                try await person.tap(choice)
                try await person.pin(pin)
                try await person.sees(seen)
                #expect(try server.status(asked) == status)
                try await person.tap(.ok)
                try await person.sees(.accounts)
                // The server asks no more for a while, after a wrong value or a concern.
                try server.admin("user", "resume-approvals", "alice")
            }
        }

        @Test func anUnsecurePhoneIsRefusedUntilThePolicyAllowsIt() async throws {
            _Process.libraries = ["/usr/lib/FridaGadget.dylib"]
            let link = try server.handOut("alice").link
            let person = try Person(link: link)
            try await person.sees(.refused)
            try server.admin("policy", "set", "allow_unsecure_device=true")
            person.tapLink(link)
            try await accept(person)
            try await openCode(person)
        }

        @Test func aPhoneThatBecomesUnsecureOpensNothingUntilThePolicyAllowsIt() async throws {
            let person = try await activated()
            _Process.libraries = ["/usr/lib/FridaGadget.dylib"]
            try await person.tap("alice")
            try await person.sees(.unsecureText)
            try await person.sees(.signalHooking)
            try server.admin("policy", "set", "allow_unsecure_device=true")
            try await person.tap(.ok)
            try await openCode(person)
        }

        @Test func aServerThatWantsAttestationRefusesAPhoneWithoutAppAttest() async throws {
            let link = try server.handOut("alice").link
            try server.admin("policy", "set", "require_attestation=true")
            let person = try Person(link: link)
            try await person.sees(.refused)
            #expect(phone.keys == 0)
        }

        @Test func aServerThatWantsAttestationBelievesAppAttestAndHearsOfItAtEachApproval() async throws {
            let apple = _SimulatedApple(app: "TEAM123456.dev.symbolon.app")
            let root = FileManager.default.temporaryDirectory.appendingPathComponent("apple-\(UUID().uuidString).pem")
            try apple.rootPem.write(to: root, atomically: true, encoding: .utf8)
            let server = try TestServer(configuration: "[attestation]\napp_attest_roots = [\"\(root.path)\"]\n")
            try server.admin("policy", "set", "require_attestation=true", "mutual_challenge=off")
            DCAppAttestService.shared._apple = apple
            let person = try Person(link: try server.handOutOnline("alice"))
            try await accept(person)
            let asked = try server.ask("alice", payment)
            try await person.tap("Pay 12.50 EUR to Ana Gómez")
            try await person.tap(.confirm)
            try await person.pin(pin)
            try await person.sees(.confirmedText)
            #expect(try server.status(asked) == "confirmed")

            // Another phone's App Attest has another key, and the server believes none of it.
            DCAppAttestService.shared._apple = _SimulatedApple(app: "TEAM123456.dev.symbolon.app")
            let other = try Person(link: try server.handOutOnline("bob"))
            try await other.sees(.refused)
        }

        @Test func whatWasStoredIsThereAfterTheProcessDied() async throws {
            let person = try await activated()
            person.startAgain()
            try await openCode(person)
        }

        @Test func keysThatTheSystemLostLeadToAWayOut() async throws {
            let person = try await activated()
            phone.lose()
            try await person.tap("alice")
            try await person.pin(pin)
            try await person.sees(.keysLostText)
            try await person.tap(.remove)
            try await person.tap(.remove)
            try await person.sees(.welcome)
        }

        @Test func twoAccountsOnTwoServersLiveSideBySide() async throws {
            let other = try TestServer()
            let person = try await activated()
            person.tapLink(try other.handOut("bob").link)
            try await accept(person)
            try await openCode(person)
            #expect(try server.accepts("alice", try person.digits()))
            person.model.toAccounts()
            try await openCode(person, "bob")
            #expect(try other.accepts("bob", try person.digits()))
        }

        @Test func withoutANetworkCodesWorkAndWhatNeedsOneSaysSo() async throws {
            let person = try await activated()
            server.stop()
            try await openCode(person)
            try await person.tap(.settings)
            try await person.tap(.move)
            try await person.pin(pin)
            try await person.sees(.offline)
            try await person.tap(.ok)
            try await person.sees(.accounts)
        }

        /// Opens the account of an old phone and begins to move it; what its QR says.
        private func beginMove(_ old: Person) async throws -> String {
            try await openCode(old)
            try await old.tap(.settings)
            try await old.tap(.move)
            try await old.pin(pin)
            try await old.sees(.moveText)
            // The QR has a name for those who do not see it, and is drawn with its margin.
            #expect(old.screen().all.contains { $0.kind == .picture && $0.label == old.words[.moveQr] })
            var ticket: MoveTicket?
            if case .moving(_, _, let shown) = old.model.screen { ticket = shown }
            let qr = try #require(ticket).qr
            let (width, side) = (Int(qr.width), CGFloat(qr.width + 8))
            let shape = QrShape(width: width, squares: qr.squares)
            let squares = shape.path(in: CGRect(x: 0, y: 0, width: side, height: side))._rectangles
            #expect(squares.allSatisfy { $0.minX > 3 && $0.minY > 3 && $0.maxX < side - 3 && $0.maxY < side - 3 })
            return try readQr(width: width, dark: Set(squares.map { [Int($0.minY) - 4, Int($0.minX) - 4] }))
        }

        @Test func anAccountMovesToANewPhoneOnceTheOldOneAgrees() async throws {
            let old = try await activated()
            let keys = phone.keys
            let new = try Person(link: try await beginMove(old))
            try await new.sees(.comparison)
            let digits = try new.digits()
            try await new.tap(.accept)
            try await new.choosePin("407183")
            // They stay where they can be read.
            try await new.sees(.waitingForOldPhone)
            #expect(try new.digits() == digits)

            try await old.sees(.moveDigitsText)
            try await old.type(.challengeDigits, digits == "111111" ? "222222" : "111111")
            try await old.tap(.agree)
            try await old.sees(.otherPhone)
            try await old.type(.challengeDigits, digits)
            try await old.tap(.agree)
            try await new.sees(.accounts)
            try await old.sees(.movedText)
            try await old.tap(.ok)
            try await old.sees(.welcome)
            #expect(phone.keys == keys, "those of the new phone alone")

            try await new.tap("alice")
            try await new.pin("407183")
            try await new.sees(.copy)
            #expect(try server.accepts("alice", try new.digits()))
        }

        @Test func aMoveThatThePersonRefusesLeavesTheOldPhoneAsItWas() async throws {
            let old = try await activated()
            let new = try Person(link: try await beginMove(old))
            try await new.tap(.accept)
            try await new.choosePin("407183")
            try await new.sees(.waitingForOldPhone)
            try await old.sees(.moveDigitsText)
            try await old.tap(.cancel)
            try await old.sees(.accounts)
            try await new.sees(.ticketRefused)
            try await new.tap(.ok)
            try await new.sees(.welcome)
            try await openCode(old)
            #expect(try server.accepts("alice", try old.digits()))

            // Nor does a ticket count whose move was cancelled before anybody used it.
            try await old.tap(.back)
            let link = try await beginMove(old)
            try await old.tap(.cancel)
            try await old.sees(.accounts)
            new.tapLink(link)
            try await new.sees(.ticketRefused)
        }

        @Test func thePinIsChangedAndTheAccountRemoved() async throws {
            let person = try await activated()
            try await openCode(person)
            try await person.tap(.settings)
            try await person.tap(.changePin)
            try await person.pin(pin)
            try await person.choosePin("407183")
            try await person.sees(.pinSet)
            try await person.tap(.ok)
            try await person.tap("alice")
            try await person.pin("407183")
            try await person.tap(.settings)
            try await person.tap(.remove)
            try await person.tap(.remove)
            try await person.sees(.welcome)
            // What stays says who has signed the app.
            #expect(phone.keys == 0 && phone.values == 1)
        }

        private func turnOnBiometrics(_ person: Person) async throws {
            try await openCode(person)
            try await person.tap(.settings)
            try await person.tap(.turnOnBiometrics)
            try await person.pin(pin)
            try await person.sees(.biometricsOnText)
            try await person.tap(.ok)
        }

        @Test(arguments: [_Phone.Sensor.touch, .face]) func biometricsOpenTheAccount(_ sensor: _Phone.Sensor) async throws {
            phone.sensor = sensor
            if sensor == .face { try server.admin("policy", "set", "facial_recognition_allowed=true") }
            let person = try await activated()
            try await turnOnBiometrics(person)
            try await person.tap("alice")
            try await person.sees(.copy)
            #expect(try server.accepts("alice", try person.digits()))
            #expect(phone.asked == [person.words[.turnOnBiometrics], person.words[.openAccount]])
            // The person says no, and types the PIN.
            try await person.tap(.back)
            phone.next(.failure(domain: "com.apple.LocalAuthentication", code: -2))
            try await person.tap("alice")
            try await person.pin(pin)
            try await person.sees(.copy)
            try await person.tap(.settings)
            try await person.tap(.turnOffBiometrics)
            try await person.sees(.biometricsOffText)
        }

        @Test func biometricsThatTheSystemHasLockedOrEndedLeadToThePin() async throws {
            phone.sensor = .touch
            let person = try await activated()
            try await turnOnBiometrics(person)
            phone.isLockedOut = true
            try await person.tap("alice")
            try await person.sees(.biometricsLocked)
            try await person.pin(pin)
            try await person.sees(.copy)
            try await person.tap(.back)
            phone.isLockedOut = false
            // Another finger.
            phone.enrol()
            try await person.tap("alice")
            try await person.sees(.biometricsLost)
            try await person.pin(pin)
            try await person.sees(.biometricsOffer)
            try await person.tap(.turnOnBiometrics)
            try await person.sees(.biometricsOnText)
            try await person.tap(.ok)
            try await person.tap("alice")
            try await person.sees(.copy)
        }

        @Test func aFaceThatThePolicyForbidsOpensNothingAndAFingerDoes() async throws {
            let person = try await activated()
            try await openCode(person)
            try await person.tap(.settings)
            try await person.sees(.biometricsFace)
            try await person.tap(.back)
            phone.sensor = .touch
            try await turnOnBiometrics(person)
            // The policy comes to allow no biometrics at all: the PIN it is.
            try server.admin("policy", "set", "device_biometrics_allowed=false")
            try await person.tap("alice")
            try await person.tap(.back)
            try await openCode(person)
            try await person.tap(.settings)
            try await person.sees(.biometricsByPolicy)
        }

        /// What iOS offers with a notification of the server's.
        private var offered: [UNNotificationAction] {
            UNUserNotificationCenter.current()._categories.first { $0.identifier == AppDelegate.category }?.actions ?? []
        }

        /// The person unlocks the phone and answers the notification.
        private func answer(_ delegate: AppDelegate, _ answer: Word) async {
            let content = UNMutableNotificationContent()
            content.categoryIdentifier = AppDelegate.category
            let notification = UNNotification(_request: UNNotificationRequest(identifier: "1", content: content, trigger: nil))
            await delegate.userNotificationCenter(.current(), didReceive: UNNotificationResponse(answer.rawValue, notification))
        }

        /// A session that is open asks the server for its policy.
        private func learnPolicy(_ person: Person) async throws {
            try await openCode(person)
            try await until("nothing is offered") { !self.offered.isEmpty }
            try await person.tap(.back)
        }

        @Test func aNotificationIsAnsweredOnlyWhereThePolicyAllowsIt() async throws {
            try server.admin("policy", "set", "mutual_challenge=off")
            let person = try await activated()
            let delegate = AppDelegate()
            await delegate.offerNotifications(for: person.model)
            #expect(offered.isEmpty)
            // The system may still show what was offered before: it leads to the question, and answers nothing.
            var asked = try server.ask("alice", payment)
            await answer(delegate, .confirm)
            try await person.sees(.concern)
            #expect(try server.status(asked) == "pending")
            try await person.tap(.back)
            try server.withdraw(asked)

            try server.admin("policy", "set", "actionable_notifications=true")
            try await learnPolicy(person)
            #expect(offered.map(\.title) == [Word.confirm, .cancel, .concern].map { person.words[$0] })
            #expect(offered.allSatisfy { $0.options == [.authenticationRequired, .foreground] })
            for (choice, seen, status) in [
                (Word.confirm, Word.confirmedText, "confirmed"), (.cancel, .cancelledText, "cancelled"),
                (.concern, .concernRaisedText, "concern"),
            ] {
                asked = try server.ask("alice", payment)
                await answer(delegate, choice)
                // What is answered stands over the keypad.
                try await person.sees(.enterPin)
                try await person.sees("Pay 12.50 EUR to Ana Gómez")
                #expect(try server.status(asked) == "pending")
                try await person.pin(pin)
                try await person.sees(seen)
                #expect(try server.status(asked) == status)
                try await person.tap(.ok)
            }

            // After a concern the server asks no more for a while.
            try server.admin("user", "resume-approvals", "alice")

            // The policy has changed since the notification came: it is asked as ever.
            asked = try server.ask("alice", payment)
            try server.admin("policy", "set", "actionable_notifications=false")
            await answer(delegate, .confirm)
            try await person.pin(pin)
            try await person.sees(.concern)
            #expect(try server.status(asked) == "pending")
            #expect(offered.isEmpty)
            try await person.tap(.confirm)
            try await person.pin(pin)
            try await person.sees(.confirmedText)
            try await person.tap(.ok)

            try server.admin("policy", "set", "actionable_notifications=true")
            try await learnPolicy(person)
            // An account whose policy allows none: nobody can tell from a notification whom it is for.
            let strict = try TestServer()
            person.tapLink(try strict.handOut("bob").link)
            try await accept(person)
            #expect(offered.isEmpty)
        }

        @Test func whatANotificationAsksIsComparedAndMayHaveEnded() async throws {
            try server.admin("policy", "set", "actionable_notifications=true")
            phone.sensor = .touch
            let person = try await activated()
            try await turnOnBiometrics(person)
            // The app was not running: the answer comes before its first screen.
            person.startAgain()
            let delegate = AppDelegate()
            var asked = try server.ask("alice", payment)
            await answer(delegate, .confirm)
            await delegate.offerNotifications(for: person.model)
            try await person.type(.enterValue, try #require(asked["mutual_challenge"]?.text))
            try await person.tap(.confirm)
            try await person.sees(.confirmedText)
            #expect(phone.asked.last == person.words[.openAccount], "the finger was asked for")
            #expect(try server.status(asked) == "confirmed")

            // It has ended meanwhile: before the tap, and before the PIN.
            asked = try server.ask("alice", payment)
            try server.withdraw(asked)
            await answer(delegate, .confirm)
            try await person.sees(.notConfirmedText)
            phone.next(.failure(domain: "com.apple.LocalAuthentication", code: -2))
            asked = try server.ask("alice", payment)
            await answer(delegate, .cancel)
            try await person.sees(.enterPin)
            try server.withdraw(asked)
            try await person.pin(pin)
            try await person.sees("withdrawn")
            #expect(try server.status(asked) == "withdrawn")
            try await person.tap(.ok)

            // Two of them: which is meant the person says.
            person.tapLink(try server.handOut("bob").link)
            try await accept(person)
            let both = try [server.ask("alice", payment), server.ask("bob", ["transaction": ["summary": "Pay 1 EUR to Bo"]])]
            await answer(delegate, .cancel)
            try await person.sees(.accounts)
            try await person.sees("Pay 12.50 EUR to Ana Gómez")
            try await person.sees("Pay 1 EUR to Bo")
            for asked in both { #expect(try server.status(asked) == "pending") }
        }

        @Test func aTokenThatIsDisabledIsShownAsSuch() async throws {
            let person = try await activated()
            try await openCode(person)
            guard case .open(let open) = person.model.screen else { return #expect(Bool(false)) }
            try await person.tap(.back)
            try server.admin("token", "disable", open.entry.info.serial)
            try await person.sees(.notActive)
        }

        @Test func nothingIsSeenInTheSwitcherNorRecordedAndEverythingHasAName() async throws {
            let person = try await activated()
            try await person.tap("alice")
            try await person.sees(.enterPin)
            let keypad = person.screen().all
            #expect(!keypad.contains { $0.kind == .field }, "no keyboard of others")
            for node in keypad where node.isTappable { #expect(!node.spoken.isEmpty, "\(node.outline())") }
            let read = keypad.filter(\.isTappable).prefix(11).map { $0.label ?? $0.words }
            let expected: [String] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", person.words[.delete]]
            #expect(Array(read) == expected)
            try await person.pin(pin)
            try await person.sees(.copy)
            // Digit by digit.
            let digits = try person.digits()
            #expect(person.spoken().contains(digits.map(String.init).joined(separator: " ")))

            EnvironmentValues._now.scenePhase = .inactive
            #expect(person.screen().all.contains { $0.kind == .picture && $0.isHidden == false && $0.label == nil })
            EnvironmentValues._now.scenePhase = .active
            UIScreen.main.isCaptured = true
            #expect(person.text() == person.words[.captured])
            UIScreen.main.isCaptured = false
            try await person.sees(.copy)
        }

        @Test func everyScreenSpeaksGerman() async throws {
            let person = try Person(language: "de", link: try server.handOut("alice").link)
            try await accept(person)
            try await openCode(person)
            try await person.sees("Kopieren")
        }
    }
}

extension Array where Element: Comparable {
    fileprivate var isSorted: Bool { zip(self, dropFirst()).allSatisfy { $0 <= $1 } }
}
