import Foundation
import Symbolon

/// The quick start of docs/phones.md, word for word: a test runs it.
// quick start
func firstCode(link: String, pin: [UInt8]) async throws -> String {
    let softToken = try await SoftToken.open(app: "Example 1.0")

    // The link of a ticket, from `onOpenURL` or a QR.
    guard case .proposed(let proposal) = try await softToken.activate(link: Data(link.utf8)) else { return "" }
    let info = proposal.info() // Show issuer, account and server, and ask the person.

    // Each key of your keypad calls push; `choose` refuses what is easily guessed.
    let pad = PinPad()
    pin.forEach { _ = pad.push(digit: $0) }
    let account = try await proposal.accept(pin: pad.choose(length: info.policy.pinLength)).account

    // Later, whenever a code is asked for: the person types the PIN again.
    pin.forEach { _ = pad.push(digit: $0) }
    let session = try await account.unlock(pin: pad)
    return try await session.code().digits
}
// end
