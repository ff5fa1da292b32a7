package dev.symbolon.app

import dev.symbolon.ffi.Activation
import dev.symbolon.ffi.AccountState
import dev.symbolon.ffi.Approval
import dev.symbolon.ffi.ChosenPin
import dev.symbolon.ffi.DamagedAccount
import dev.symbolon.ffi.Decision
import dev.symbolon.ffi.InternalException
import dev.symbolon.ffi.Move
import dev.symbolon.ffi.MoveProgress
import dev.symbolon.ffi.Outcome
import dev.symbolon.ffi.PinPad
import dev.symbolon.ffi.PinWeakness
import dev.symbolon.ffi.Proposal
import dev.symbolon.ffi.Scan
import dev.symbolon.ffi.Session
import dev.symbolon.ffi.SoftToken
import dev.symbolon.ffi.SymbolonException
import dev.symbolon.ffi.readScan
import java.time.Duration
import java.time.Instant
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch

/** What the person does, and what is shown then. Used on the main thread only. */
class Model(private val open: suspend () -> SoftToken) {
    private val scope: CoroutineScope = MainScope()
    private var softToken: SoftToken? = null
    private var session: Session? = null
    private val decided = mutableListOf<Screen.Decided>()
    private var watching: List<Job> = emptyList()
    private var moving: Job? = null
    private var learning: Job? = null
    private var expiry: Job? = null
    private var attempts = 0

    /** What is on the screen. */
    var screen: Screen = Screen.Working(R.string.starting)
        private set(value) {
            field = value
            shown(value)
        }

    /** Draws it. */
    var shown: (Screen) -> Unit = {}

    /** The app comes to the front. A link that was tapped may have begun something already. */
    fun resume() {
        if (softToken == null && attempts == 0) attempt(R.string.starting) { home() } else watch()
    }

    /** Another app comes to the front, or the screen goes off: what was open is closed. */
    fun leave() {
        stopWatching()
        moving?.cancel()
        if (session == null) return
        close()
        if (screen !is Screen.Proposed) attempt(R.string.starting) { home() }
    }

    /** One step back; `false` where there is none. */
    fun back(): Boolean {
        val from = screen
        if (from is Screen.Accounts || from is Screen.Working) return false
        if (from is Screen.Proposed) scope.launch { from.proposal.decline() }
        if (from is Screen.Moving) scope.launch { quietly { from.move.cancel() } }
        moving?.cancel()
        close()
        attempt(R.string.starting) { home() }
        return true
    }

    /** The list of accounts. */
    fun toAccounts() {
        close()
        attempt(R.string.starting) { home() }
    }

    private suspend fun home() {
        screen = Screen.Accounts(entries(), token().damagedAccounts())
        watch()
    }

    private suspend fun entries() = token().accounts().map { Screen.Entry(it, it.info(), it.status()) }

    private suspend fun token(): SoftToken = softToken ?: open().also { softToken = it }

    private fun close() {
        // What is asked of the server meanwhile is not waited for: the secrets go now.
        learning?.cancel()
        val open = session ?: return
        session = null
        scope.launch {
            open.lockNow()
            open.close()
        }
    }

    /** Asks every server, again and again, whether there is something to approve. */
    private fun watch() {
        stopWatching()
        val shown = screen as? Screen.Accounts ?: return
        watching = shown.entries.filter { !it.info.isOffline && it.status.state == AccountState.ACTIVE }.map { entry ->
            scope.launch {
                while (isActive) {
                    val before = entry.asked.map { it.request().id } to entry.problem?.javaClass
                    val pause = try {
                        // After a failure it is asked at once, so that what is shown of it goes away.
                        val isQuiet = entry.asked.isEmpty() && entry.problem == null
                        entry.asked = entry.account.requests(if (isQuiet) Duration.ofSeconds(25) else Duration.ZERO)
                        entry.problem = null
                        if (entry.asked.isEmpty()) 200L else 3_000L
                    } catch (error: SymbolonException) {
                        entry.asked = emptyList()
                        entry.problem = error
                        10_000L
                    }
                    val now = entry.asked.map { it.request().id } to entry.problem?.javaClass
                    if (now != before && screen === shown) this@Model.shown(shown)
                    delay(pause)
                }
            }
        }
    }

    private fun stopWatching() {
        watching.forEach { it.cancel() }
        watching = emptyList()
    }

    // Adding

    fun add() {
        stopWatching()
        screen = Screen.Add
    }

    fun scan() {
        screen = Screen.Scan
    }

    fun type(isOffline: Boolean) {
        screen = Screen.Typed(isOffline)
    }

    /** A link was opened, or a QR was read. */
    fun scanned(text: ByteArray) {
        stopWatching()
        attempt(R.string.asking_server) {
            when (val scan = readScan(text.copyOf())) {
                is Scan.Activation -> proposed(token().activate(text))
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

    fun typed(server: String, serial: String, code: String, isOffline: Boolean) {
        attempt(R.string.asking_server, input = { Screen.Typed(isOffline, R.string.mistyped) }) {
            val bytes = code.encodeToByteArray()
            if (isOffline) {
                propose(token().activateOfflineTyped(server.ifBlank { null }, serial, bytes))
            } else {
                proposed(token().activateTyped(server, serial, bytes))
            }
        }
    }

    fun offlinePassword(qr: ByteArray, password: String) {
        attempt(R.string.working, input = { Screen.OfflinePassword(qr, R.string.mistyped) }) {
            propose(token().activateOffline(qr.copyOf(), password.encodeToByteArray()))
        }
    }

    private suspend fun proposed(activation: Activation) = when (activation) {
        is Activation.Proposed -> propose(activation.proposal)
        is Activation.Unconfirmed -> propose(activation.activation.afresh())
    }

    private fun propose(proposal: Proposal) {
        screen = Screen.Proposed(proposal, proposal.info())
    }

    fun accept(proposed: Screen.Proposed) {
        val policy = proposed.info.policy
        if (!policy.pinRequired) return accept(proposed.proposal, null)
        choosePin(policy.pinLength.toInt(), null) { accept(proposed.proposal, it) }
    }

    private fun accept(proposal: Proposal, pin: ChosenPin?) {
        val waiting = if (proposal.info().comparison == null) R.string.activating else R.string.waiting_for_old_phone
        attempt(waiting) {
            val accepted = proposal.accept(pin)
            val code = accepted.registrationCode
            if (code == null) home() else screen = Screen.Registered(code)
        }
    }

    /** Asks for a new PIN twice. */
    private fun choosePin(length: Int, weakness: PinWeakness?, mismatch: Boolean = false, set: (ChosenPin) -> Unit) {
        val note = when {
            mismatch -> R.string.pins_differ
            weakness != null -> text(weakness)
            else -> null
        }
        screen = Screen.Keypad(R.string.choose_pin, length, note?.let { Screen.Note(it, length) }, null) { pad ->
            try {
                val chosen = pad.choose(length.toUByte())
                screen = Screen.Keypad(R.string.repeat_pin, length, null, null) { again ->
                    if (chosen.isRepeatedBy(again)) set(chosen) else choosePin(length, null, mismatch = true, set)
                }
            } catch (error: SymbolonException.PinChoice) {
                choosePin(length, error.weakness, set = set)
            } catch (_: SymbolonException.PinForm) {
                choosePin(length, PinWeakness.LENGTH, set = set)
            }
        }
    }

    // Unlocking

    /** Opens an account; [then] goes on with it. */
    fun unlock(entry: Screen.Entry, note: Screen.Note? = null, then: suspend (Session) -> Unit = { showCode(entry, it) }) {
        stopWatching()
        val status = try {
            entry.account.status()
        } catch (error: SymbolonException) {
            return problem(error)
        }
        val challenge = status.lockChallenge
        val length = entry.info.pinLength
        when {
            !status.isDeviceAllowed -> problem(SymbolonException.UnsecureDevice(status.signals), entry = entry)
            status.state == AccountState.LOCKED && challenge != null -> screen = Screen.Locked(entry, challenge)
            length == null -> unlock(entry, null as PinPad?, then)
            else -> {
                val help = challenge?.let { { screen = Screen.Locked(entry, it) } }
                screen = Screen.Keypad(R.string.enter_pin, length.toInt(), note, help) { unlock(entry, it, then) }
            }
        }
    }

    private fun unlock(entry: Screen.Entry, pad: PinPad?, then: suspend (Session) -> Unit) {
        attempt(R.string.unlocking, entry = entry, again = { unlock(entry, then = then) }) {
            try {
                val opened = entry.account.unlock(pad)
                session = opened
                then(opened)
            } catch (error: SymbolonException.WrongPin) {
                if (error.triesLeft == 0u) unlock(entry, then = then) else unlock(entry, Screen.Note(R.string.wrong_pin, error.triesLeft.toInt()), then)
            } catch (error: SymbolonException.Wait) {
                unlock(entry, Screen.Note(R.string.pin_waits, (error.left.seconds + 1).toInt()), then)
            } catch (_: SymbolonException.Locked) {
                unlock(entry, then = then)
            }
        }
    }

    private suspend fun showCode(entry: Screen.Entry, session: Session) {
        try {
            val code = session.code()
            screen = Screen.Open(fresh(entry, entry.problem), session, code, session.registrationCode())
            // A server that did not answer just now is not waited for.
            if (!entry.info.isOffline && entry.problem !is SymbolonException.Unreachable) learn(entry, session)
        } catch (error: SymbolonException) {
            noCode(error, entry, session)
        }
    }

    private fun fresh(entry: Screen.Entry, problem: SymbolonException?) =
        Screen.Entry(entry.account, entry.account.info(), entry.account.status()).also { it.problem = problem }

    /** Asks the server for its time and policy while a code is shown: a gate that was closed meanwhile closes now. */
    private fun learn(entry: Screen.Entry, session: Session) {
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
    fun refreshCode(open: Screen.Open) {
        scope.launch {
            try {
                val code = open.session.code()
                if (screen === open) screen = open.copy(code = code)
            } catch (error: SymbolonException) {
                if (screen === open) noCode(error, open.entry, open.session)
            }
        }
    }

    private fun noCode(error: SymbolonException, entry: Screen.Entry, session: Session) {
        when (error) {
            is SymbolonException.Closed -> toAccounts()
            is SymbolonException.PinMustBeSet -> newPin(entry, session)
            else -> {
                close()
                problem(error, entry = entry)
            }
        }
    }

    private fun newPin(entry: Screen.Entry, session: Session) {
        choosePin(entry.account.info().policy.pinLength.toInt(), null) { pin -> changePin(session, pin) }
    }

    fun unlockCode(locked: Screen.Locked, code: String) {
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

    // Approvals

    fun ask(entry: Screen.Entry, approval: Approval) {
        stopWatching()
        val asked = Screen.Asked(entry, approval, approval.request())
        screen = asked
        // By the server's clock: whoever still looks at it then need not answer.
        val left = Duration.between(Instant.now().plusMillis(entry.status.clockOffset), asked.request.expiresAt)
        expiry?.cancel()
        expiry = scope.launch {
            delay(left.toMillis())
            if (screen === asked) problem(SymbolonException.TooLate())
        }
    }

    /** The person decides. However often they tap, it is sent once. */
    fun decide(asked: Screen.Asked, decision: Decision, value: String?) {
        if (screen !== asked || asked.isSent) return
        screen = asked.copy(isSent = true)
        unlock(asked.entry) { session ->
            val outcome = session.answer(asked.approval, decision, value)
            val (title, text) = when (outcome) {
                is Outcome.Confirmed -> R.string.confirmed to R.string.confirmed_text
                is Outcome.Concern -> R.string.concern_raised to R.string.concern_raised_text
                is Outcome.Cancelled -> R.string.cancelled to R.string.cancelled_text
                is Outcome.MutualChallengeFailed -> R.string.value_was_wrong to R.string.value_was_wrong_text
                is Outcome.Other -> R.string.not_confirmed to R.string.not_confirmed_text
            }
            decided.add(0, Screen.Decided(asked.request.application, asked.request.transaction?.summary, title, Instant.now()))
            close()
            screen = Screen.Done(title, text)
        }
    }

    fun approveOffline(asked: Screen.OfflineAsked) = unlock(asked.entry) { session ->
        screen = Screen.Response(R.string.approval_code, session.approveOffline(asked.approval))
    }

    fun challenge(open: Screen.Open) {
        screen = Screen.Challenge(open.session)
    }

    fun respond(challenge: Screen.Challenge, digits: String) {
        attempt(R.string.working, input = { challenge.copy(mistake = R.string.mistyped) }) {
            screen = Screen.Response(R.string.response, challenge.session.respond(digits))
        }
    }

    fun history() {
        stopWatching()
        screen = Screen.History(decided.toList())
    }

    // Settings

    fun settings(open: Screen.Open) {
        screen = Screen.Settings(open.entry)
    }

    fun changePin(entry: Screen.Entry) {
        close()
        unlock(entry) { session -> newPin(entry, session) }
    }

    private fun changePin(opened: Session, pin: ChosenPin) = attempt(R.string.working) {
        opened.changePin(pin)
        close()
        screen = Screen.Done(R.string.pin_set, R.string.pin_set_text)
    }

    fun askToRemove(entry: Screen.Entry) {
        screen = Screen.Remove(entry)
    }

    fun remove(entry: Screen.Entry) = attempt(R.string.working) {
        close()
        entry.account.remove()
        home()
    }

    fun lookAt(damaged: DamagedAccount) {
        stopWatching()
        screen = Screen.Damaged(damaged)
    }

    fun remove(damaged: DamagedAccount) = attempt(R.string.working) {
        token().remove(damaged.serial)
        home()
    }

    // Moving

    fun beginMove(entry: Screen.Entry) {
        close()
        unlock(entry) { session ->
            val move = session.beginMove()
            screen = Screen.Moving(session, move, move.ticket())
            follow(session, move, entry)
        }
    }

    /** Follows a move until its end. */
    private fun follow(session: Session, move: Move, entry: Screen.Entry) {
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

    fun agree(digits: Screen.MoveDigits, typed: String) {
        attempt(R.string.working, input = { digits.copy(mistake = R.string.mistyped) }) {
            try {
                digits.session.agree(digits.move, typed)
                screen = Screen.Working(R.string.waiting_for_new_phone)
            } catch (_: SymbolonException.OtherPhone) {
                screen = digits.copy(mistake = R.string.other_phone)
            }
        }
    }

    fun cancelMove(move: Move) {
        moving?.cancel()
        scope.launch { quietly { move.cancel() } }
        toAccounts()
    }

    // What goes wrong

    private fun problem(error: SymbolonException, again: (() -> Unit)? = null, entry: Screen.Entry? = null) {
        screen = Screen.Problem(error, again, entry)
    }

    /** Does something that takes time, and shows what went wrong with what to do; [input] where the person mistyped. */
    private fun attempt(
        waiting: Int,
        input: (() -> Screen)? = null,
        entry: Screen.Entry? = null,
        again: (() -> Unit)? = null,
        act: suspend () -> Unit,
    ) {
        if (waiting != R.string.starting || screen !is Screen.Accounts) screen = Screen.Working(waiting)
        attempts++
        scope.launch {
            try {
                act()
            } catch (error: SymbolonException.Input) {
                if (input != null) screen = input() else problem(error)
            } catch (error: SymbolonException) {
                problem(error, again, entry)
            } catch (error: InternalException) {
                // A mistake of the library's is shown and not waited for.
                problem(SymbolonException.Internal(error.message.orEmpty()), again, entry)
            } finally {
                attempts--
            }
        }
    }

    /** Why it did not work; `null` when it did. */
    private suspend fun reason(act: suspend () -> Unit): SymbolonException? = try {
        act()
        null
    } catch (error: SymbolonException) {
        error
    }

    private suspend fun <T> quietly(act: suspend () -> T): T? = try {
        act()
    } catch (_: SymbolonException) {
        null
    }

    private fun text(weakness: PinWeakness): Int = when (weakness) {
        PinWeakness.LENGTH -> R.string.pin_length
        PinWeakness.RUN -> R.string.pin_run
        PinWeakness.REPETITION -> R.string.pin_repetition
        PinWeakness.DATE -> R.string.pin_date
        PinWeakness.WELL_KNOWN -> R.string.pin_well_known
    }
}
