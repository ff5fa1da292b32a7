/* How an account comes to the phone: by the camera, by a link, or typed. */
package dev.symbolon.app

import dev.symbolon.ffi.Activation
import dev.symbolon.ffi.Approval
import dev.symbolon.ffi.ChosenPin
import dev.symbolon.ffi.PinWeakness
import dev.symbolon.ffi.Proposal
import dev.symbolon.ffi.Scan
import dev.symbolon.ffi.SymbolonException
import dev.symbolon.ffi.readScan

fun Model.add() {
    screen = Screen.Add
}

fun Model.scan() {
    screen = Screen.Scan
}

fun Model.type(isOffline: Boolean) {
    screen = Screen.Typed(isOffline)
}

/** A link was opened, or a QR was read. */
fun Model.scanned(text: ByteArray) {
    attempt(R.string.asking_server) {
        when (val scan = readScan(text.copyOf())) {
            is Scan.Activation -> proposed(token().activate(text))
            is Scan.ActivationWithoutCode -> screen = Screen.CodeOfLink(text, scan.server, scan.serial)
            is Scan.OfflineActivation -> screen = Screen.OfflinePassword(text)
            is Scan.Approval -> {
                val request = scan.approval.request()
                val entry = entries().firstOrNull { it.info.serial in request.serials }
                    ?: throw SymbolonException.OtherToken()
                screen = Screen.OfflineAsked(scan.approval, request, entry)
            }
        }
    }
}

fun Model.typed(server: String, serial: String, code: String, isOffline: Boolean) {
    attempt(R.string.asking_server, input = { Screen.Typed(isOffline, R.string.mistyped) }) {
        val bytes = code.encodeToByteArray()
        if (isOffline) {
            propose(token().activateOfflineTyped(server.ifBlank { null }, serial, bytes))
        } else {
            proposed(token().activateTyped(server, serial, bytes))
        }
    }
}

fun Model.codeOfLink(page: Screen.CodeOfLink, code: String) {
    attempt(R.string.asking_server, input = { Screen.CodeOfLink(page.link, page.server, page.serial, R.string.mistyped) }) {
        proposed(token().activateWithCode(page.link.copyOf(), code.encodeToByteArray()))
    }
}

fun Model.offlinePassword(qr: ByteArray, password: String) {
    attempt(R.string.working, input = { Screen.OfflinePassword(qr, R.string.mistyped) }) {
        propose(token().activateOffline(qr.copyOf(), password.encodeToByteArray()))
    }
}

private suspend fun Model.proposed(activation: Activation) = when (activation) {
    is Activation.Proposed -> propose(activation.proposal)
    is Activation.Unconfirmed -> propose(activation.activation.afresh())
}

private fun Model.propose(proposal: Proposal) {
    screen = Screen.Proposed(proposal, proposal.info())
}

fun Model.accept(proposed: Screen.Proposed) {
    val policy = proposed.info.policy
    if (!policy.pinRequired) return accept(proposed.proposal, null)
    choosePin(policy.pinLength.toInt(), null) { accept(proposed.proposal, it) }
}

private fun Model.accept(proposal: Proposal, pin: ChosenPin?) {
    val waiting = if (proposal.info().comparison == null) R.string.activating else R.string.waiting_for_old_phone
    attempt(waiting) {
        val accepted = proposal.accept(pin)
        val code = accepted.registrationCode
        if (code == null) home() else screen = Screen.Registered(code)
    }
}

/** Asks for a new PIN twice. */
internal fun Model.choosePin(length: Int, weakness: PinWeakness?, mismatch: Boolean = false, set: (ChosenPin) -> Unit) {
    val note = when {
        mismatch -> R.string.pins_differ
        weakness != null -> text(weakness)
        else -> null
    }
    screen = Screen.Keypad(R.string.choose_pin, length, note?.let { Screen.Note(it, length) }, null, null) { pad ->
        try {
            val chosen = pad.choose(length.toUByte())
            screen = Screen.Keypad(R.string.repeat_pin, length, null, null, null) { again ->
                if (chosen.isRepeatedBy(again)) set(chosen) else choosePin(length, null, mismatch = true, set)
            }
        } catch (error: SymbolonException.PinChoice) {
            choosePin(length, error.weakness, set = set)
        } catch (_: SymbolonException.PinForm) {
            choosePin(length, PinWeakness.LENGTH, set = set)
        }
    }
}

private fun text(weakness: PinWeakness): Int = when (weakness) {
    PinWeakness.LENGTH -> R.string.pin_length
    PinWeakness.RUN -> R.string.pin_run
    PinWeakness.REPETITION -> R.string.pin_repetition
    PinWeakness.DATE -> R.string.pin_date
    PinWeakness.WELL_KNOWN -> R.string.pin_well_known
}
