package dev.symbolon.sdk

import android.content.Context
import dev.symbolon.ffi.Activation
import dev.symbolon.ffi.PinPad

/** The quick start of docs/phones.md, word for word: a test runs it. */
// quick start
suspend fun firstCode(context: Context, link: String, pin: List<Int>): String {
    val softToken = Symbolon.open(context, app = "Example 1.0")

    // The link of a ticket, from an intent or a QR.
    val activation = softToken.activate(link.encodeToByteArray()) as Activation.Proposed
    val proposal = activation.proposal
    val info = proposal.info() // Show issuer, account and server, and ask the person.

    // Each key of your keypad calls push; `choose` refuses what is easily guessed.
    val pad = PinPad()
    pin.forEach { digit -> pad.push(digit.toUByte()) }
    val account = proposal.accept(pad.choose(info.policy.pinLength)).account

    // Later, whenever a code is asked for: the person types the PIN again.
    pin.forEach { digit -> pad.push(digit.toUByte()) }
    account.unlock(pad).use { session ->
        return session.code().digits
    }
}
// end
