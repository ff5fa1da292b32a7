/* The way into an account: its gates, its code, and what goes on with it open. */
package dev.symbolon.app

import dev.symbolon.ffi.AccountState
import dev.symbolon.ffi.Biometrics
import dev.symbolon.ffi.Session
import dev.symbolon.ffi.SymbolonException
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull

/** A server that is asked without the person's asking is waited for no longer, in milliseconds. */
private const val IN_PASSING = 3_000L

/** Opens an account; [then] goes on with it. With [isPinNeeded] a finger or face is not enough. */
fun Model.unlock(
    entry: Screen.Entry,
    note: Screen.Note? = null,
    isPinNeeded: Boolean = false,
    then: suspend (Session) -> Unit = { showCode(entry, it) },
) {
    val status = try {
        entry.account.status()
    } catch (error: SymbolonException) {
        return problem(error)
    }
    val challenge = status.lockChallenge
    val length = entry.info.pinLength
    val again = { note: Screen.Note? -> unlock(entry, note, isPinNeeded, then) }
    when {
        !status.isDeviceAllowed -> attempt(R.string.asking_server) {
            // The policy may have changed since it was last heard of.
            withTimeoutOrNull(IN_PASSING) { quietly { entry.account.refresh() } }
            val now = entry.account.status()
            if (now.isDeviceAllowed) unlock(entry, note, isPinNeeded, then)
            else problem(SymbolonException.UnsecureDevice(now.signals), entry = entry)
        }
        status.state == AccountState.LOCKED && challenge != null -> screen = Screen.Locked(entry, challenge)
        length == null -> enter(entry, again, then) { entry.account.unlock(null) }
        else -> {
            val help = challenge?.let { { screen = Screen.Locked(entry, it) } }
            val opens = status.biometrics is Biometrics.On && !isPinNeeded && entry.info.serial !in lost
            val biometrics = if (opens) { -> prompt(entry, then) } else null
            val keypad = Screen.Keypad(R.string.enter_pin, length.toInt(), note, help, biometrics) { pad ->
                prompting?.cancel()
                enter(entry, again, then) { entry.account.unlock(pad).also { isByBiometrics = false } }
            }
            screen = keypad
            // Asked by itself once; after a failure it is for the person to ask again.
            if (note == null) biometrics?.invoke()
        }
    }
}

private fun Model.enter(entry: Screen.Entry, again: (Screen.Note?) -> Unit, then: suspend (Session) -> Unit, unlock: suspend () -> Session) {
    attempt(R.string.unlocking, entry = entry, again = { again(null) }) {
        try {
            val opened = unlock()
            session = opened
            then(opened)
        } catch (error: SymbolonException.WrongPin) {
            again(if (error.triesLeft == 0u) null else Screen.Note(R.string.wrong_pin, error.triesLeft.toInt()))
        } catch (error: SymbolonException.Wait) {
            again(Screen.Note(R.string.pin_waits, (error.left.seconds + 1).toInt()))
        } catch (_: SymbolonException.Locked) {
            again(null)
        }
    }
}

/** Has the system ask for a finger or face, over the keypad. */
private fun Model.prompt(entry: Screen.Entry, then: suspend (Session) -> Unit) {
    val keypad = screen
    prompting?.cancel()
    prompting = scope.launch {
        val note = try {
            val opened = entry.account.unlockWithBiometrics(say(R.string.open_account))
            isByBiometrics = true
            enter(entry, { unlock(entry, it, then = then) }, then) { opened }
            return@launch
        } catch (_: SymbolonException.Cancelled) {
            return@launch
        } catch (_: SymbolonException.BiometricsLocked) {
            R.string.biometrics_locked
        } catch (_: SymbolonException.BiometricsLost) {
            lost.add(entry.info.serial)
            R.string.biometrics_lost
        } catch (error: SymbolonException.BiometricsNotAllowed) {
            words(error.obstacle)
        } catch (_: SymbolonException.BiometricsOff) {
            R.string.biometrics_off
        } catch (error: SymbolonException) {
            return@launch problem(error, entry = entry)
        }
        if (screen === keypad) unlock(entry, Screen.Note(note), then = then)
    }
}

fun Model.turnOnBiometrics(entry: Screen.Entry) {
    close()
    unlock(entry, isPinNeeded = true) { turnOn(entry, it) }
}

/** Offered again after the system has ended them, with the PIN just typed. */
fun Model.turnOnAgain(open: Screen.Open) = attempt(R.string.working) { turnOn(open.entry, open.session) }

private suspend fun Model.turnOn(entry: Screen.Entry, session: Session) {
    try {
        session.turnOnBiometrics(say(R.string.turn_on_biometrics))
        lost.remove(entry.info.serial)
        close()
        screen = Screen.Done(R.string.biometrics_on, R.string.biometrics_on_text)
    } catch (_: SymbolonException.Cancelled) {
        close()
        home()
    }
}

fun Model.turnOffBiometrics(entry: Screen.Entry) {
    close()
    unlock(entry) { session ->
        session.turnOffBiometrics()
        close()
        screen = Screen.Done(R.string.biometrics_off, R.string.biometrics_off_text)
    }
}

private suspend fun Model.showCode(entry: Screen.Entry, session: Session) {
    try {
        val code = session.code()
        val isOffered = entry.info.serial in lost && entry.account.status().biometrics is Biometrics.Off && !isByBiometrics
        screen = Screen.Open(fresh(entry, entry.problem), session, code, session.registrationCode(), isOffered)
        // A server that did not answer just now is not waited for.
        if (!entry.info.isOffline && entry.problem !is SymbolonException.Unreachable) learn(entry, session)
    } catch (error: SymbolonException) {
        noCode(error, entry, session)
    }
}

private fun Model.fresh(entry: Screen.Entry, problem: SymbolonException?) =
    Screen.Entry(entry.account, entry.account.info(), entry.account.status(), entry.asked, problem)

/** Asks the server for its time and policy while a code is shown: a gate that was closed meanwhile closes now. */
internal fun Model.learn(entry: Screen.Entry, session: Session) {
    learning = scope.launch {
        try {
            val problem = reason { session.refresh() }
            val code = session.code()
            val open = screen as? Screen.Open ?: return@launch
            val now = fresh(entry, problem)
            val isOther = problem?.javaClass != open.entry.problem?.javaClass || code.digits != open.code.digits || now.clockIsOff != open.entry.clockIsOff
            if (open.session === session && isOther) screen = open.copy(entry = now, code = code)
        } catch (error: SymbolonException) {
            if ((screen as? Screen.Open)?.session === session) noCode(error, entry, session)
        }
    }
}

/** The time of a code is over. */
fun Model.refreshCode(open: Screen.Open) {
    scope.launch {
        try {
            val code = open.session.code()
            if (screen === open) screen = open.copy(code = code)
        } catch (error: SymbolonException) {
            if (screen === open) noCode(error, open.entry, open.session)
        }
    }
}

private fun Model.noCode(error: SymbolonException, entry: Screen.Entry, session: Session) {
    when (error) {
        is SymbolonException.Closed -> toAccounts()
        is SymbolonException.PinMustBeSet -> newPin(entry, session)
        else -> {
            close()
            problem(error, entry = entry)
        }
    }
}

internal fun Model.newPin(entry: Screen.Entry, session: Session) {
    if (isByBiometrics) {
        // Another PIN takes the one of now.
        close()
        return unlock(entry, isPinNeeded = true) { newPin(entry, it) }
    }
    choosePin(entry.account.info().policy.pinLength.toInt(), null) { pin -> changePin(session, pin) }
}

fun Model.unlockCode(locked: Screen.Locked, code: String) {
    attempt(R.string.unlocking, input = { locked.copy(mistake = R.string.mistyped) }) {
        try {
            val unlocked = locked.entry.account.unlockWithCode(code.encodeToByteArray())
            choosePin(unlocked.pinLength().toInt(), null) { pin ->
                attempt(R.string.working) {
                    unlocked.setPin(pin)
                    screen = Screen.Done(R.string.pin_set, R.string.pin_set_text)
                }
            }
        } catch (_: SymbolonException.WrongUnlockCode) {
            screen = locked.copy(mistake = R.string.wrong_unlock_code)
        }
    }
}
