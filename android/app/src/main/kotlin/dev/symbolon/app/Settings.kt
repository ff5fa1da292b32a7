/* What can be changed about an account: its PIN, the phone that it is on, and whether it is there at all. */
package dev.symbolon.app

import dev.symbolon.ffi.ChosenPin
import dev.symbolon.ffi.DamagedAccount
import dev.symbolon.ffi.Move
import dev.symbolon.ffi.MoveProgress
import dev.symbolon.ffi.Session
import dev.symbolon.ffi.SymbolonException
import java.time.Duration
import kotlinx.coroutines.delay
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch

fun Model.settings(open: Screen.Open) {
    screen = Screen.Settings(open.entry)
}

fun Model.changePin(entry: Screen.Entry) {
    close()
    unlock(entry, isPinNeeded = true) { session -> newPin(entry, session) }
}

internal fun Model.changePin(opened: Session, pin: ChosenPin) = attempt(R.string.working) {
    opened.changePin(pin)
    close()
    screen = Screen.Done(R.string.pin_set, R.string.pin_set_text)
}

fun Model.askToRemove(entry: Screen.Entry) {
    screen = Screen.Remove(entry)
}

fun Model.remove(entry: Screen.Entry) = attempt(R.string.working) {
    close()
    entry.account.remove()
    home()
}

fun Model.lookAt(damaged: DamagedAccount) {
    screen = Screen.Damaged(damaged)
}

fun Model.remove(damaged: DamagedAccount) = attempt(R.string.working) {
    token().remove(damaged.serial)
    home()
}

fun Model.beginMove(entry: Screen.Entry) {
    close()
    unlock(entry) { session ->
        val move = session.beginMove()
        screen = Screen.Moving(session, move, move.ticket())
        follow(session, move, entry)
    }
}

/** Follows a move until its end. */
private fun Model.follow(session: Session, move: Move, entry: Screen.Entry) {
    moving?.cancel()
    moving = scope.launch {
        while (isActive) {
            val progress = quietly { move.progress(Duration.ofSeconds(20)) }
            when (progress) {
                is MoveProgress.Found -> if (screen is Screen.Moving) {
                    screen = Screen.MoveDigits(session, move, progress.model)
                }
                is MoveProgress.Moved -> {
                    close()
                    quietly { entry.account.remove() }
                    screen = Screen.Done(R.string.moved, R.string.moved_text)
                    return@launch
                }
                is MoveProgress.Ended -> {
                    close()
                    screen = Screen.Done(R.string.move_ended, R.string.move_ended_text)
                    return@launch
                }
                else -> Unit
            }
            delay(if (progress == null) 3_000 else 500)
        }
    }
}

fun Model.agree(digits: Screen.MoveDigits, typed: String) {
    attempt(R.string.working, input = { digits.copy(mistake = R.string.mistyped) }) {
        try {
            digits.session.agree(digits.move, typed)
            screen = Screen.Working(R.string.waiting_for_new_phone)
        } catch (_: SymbolonException.OtherPhone) {
            screen = digits.copy(mistake = R.string.other_phone)
        }
    }
}

fun Model.cancelMove(move: Move) {
    moving?.cancel()
    scope.launch { quietly { move.cancel() } }
    toAccounts()
}
