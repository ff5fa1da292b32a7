package dev.symbolon.app

import dev.symbolon.ffi.Activation
import dev.symbolon.ffi.AccountState
import dev.symbolon.ffi.Approval
import dev.symbolon.ffi.Biometrics
import dev.symbolon.ffi.ChosenPin
import dev.symbolon.ffi.DamagedAccount
import dev.symbolon.ffi.Decision
import dev.symbolon.ffi.Ending
import dev.symbolon.ffi.Event
import dev.symbolon.ffi.InternalException
import dev.symbolon.ffi.Move
import dev.symbolon.ffi.MoveProgress
import dev.symbolon.ffi.News
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
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** What the person does, and what is shown then. Used on the main thread only. */
class Model(private val open: suspend () -> SoftToken) {
    private val scope: CoroutineScope = MainScope()
    private var softToken: SoftToken? = null
    private var session: Session? = null
    private val opening = Mutex()
    private var isInFront = false
    private var listening: Job? = null

    /** What each account is asked, by serial number, and which of them count no more. */
    private val asked = mutableMapOf<String, List<Approval>>()
    private val gone = mutableSetOf<String>()

    /** Those whose biometrics the system has ended. */
    private val lost = mutableSetOf<String>()
    private var isByBiometrics = false
    private var prompting: Job? = null
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

    /** Says something in the person's language, for the system to show. */
    var say: (Int) -> String = { "" }

    /** The app comes to the front. A link that was tapped may have begun something already. */
    fun resume() {
        isInFront = true
        if (softToken == null && attempts == 0) attempt(R.string.starting) { home() }
        listen()
    }

    /** The phone has another push address: every server is told. */
    fun tellAddress(done: () -> Unit) {
        scope.launch {
            quietly { token().renewPushAddresses() }
            done()
        }
    }

    /** Asks every server at once, since the phone was woken; answers whether something waits. */
    fun wokenUp(answer: (Boolean) -> Unit, done: () -> Unit) {
        scope.launch {
            if (listening?.isActive == true) {
                token().lookNow()
            } else {
                val isAsked = quietly { token().accounts().any { quietly { it.requests(Duration.ZERO) }.orEmpty().isNotEmpty() } }
                answer(isAsked == true)
            }
            done()
        }
    }

    /** Another app comes to the front, or the screen goes off: what was open is closed. */
    fun leave() {
        isInFront = false
        listening?.cancel()
        prompting?.cancel()
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
        listen()
    }

    private suspend fun entries() = token().accounts().map { account ->
        val info = account.info()
        Screen.Entry(account, info, account.status(), asked[info.serial].orEmpty(), goneAs(info.serial))
    }

    private fun goneAs(serial: String) = if (serial in gone) SymbolonException.NotActive() else null

    private suspend fun token(): SoftToken = opening.withLock { softToken ?: open().also { softToken = it } }

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

    /** Hears what happens at the servers while the app is in front. */
    private fun listen() {
        if (!isInFront || listening?.isActive == true) return
        listening = scope.launch {
            val events = quietly { token().events() } ?: return@launch
            // What is so already is told anew.
            asked.clear()
            gone.clear()
            // What can't be told now is told by the events themselves, later.
            launch { quietly { token().renewPushAddresses() } }
            try {
                while (isActive) {
                    val event = events.next()
                    quietly { hear(event) }
                }
            } finally {
                events.close()
            }
        }
    }

    private suspend fun hear(event: Event) {
        val serial = event.serial
        when (val news = event.news) {
            is News.RequestArrived -> asked[serial] = asked[serial].orEmpty() + news.approval
            is News.RequestEnded -> {
                asked[serial] = asked[serial].orEmpty().filter { it.request().id != news.id }
                val shown = screen as? Screen.Asked
                if (shown?.request?.id == news.id && news.ending != Ending.ANSWERED) {
                    screen = if (news.ending == Ending.EXPIRED) Screen.Problem(SymbolonException.TooLate())
                    else Screen.Done(R.string.not_confirmed, R.string.not_confirmed_text)
                }
            }
            is News.NotActive -> gone.add(serial)
            is News.ActiveAgain -> gone.remove(serial)
            is News.PolicyChanged, is News.ClockWrong, is News.ClockRight -> {
                val open = screen as? Screen.Open
                if (open?.entry?.info?.serial == serial) learn(open.entry, open.session)
            }
        }
        if (screen is Screen.Accounts) screen = Screen.Accounts(entries(), token().damagedAccounts())
    }

    // Adding

    fun add() {
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

    // Unlocking

    /** Opens an account; [then] goes on with it. With [isPinNeeded] a finger or face is not enough. */
    fun unlock(
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
            !status.isDeviceAllowed -> problem(SymbolonException.UnsecureDevice(status.signals), entry = entry)
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

    private fun enter(entry: Screen.Entry, again: (Screen.Note?) -> Unit, then: suspend (Session) -> Unit, unlock: suspend () -> Session) {
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
    private fun prompt(entry: Screen.Entry, then: suspend (Session) -> Unit) {
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

    fun turnOnBiometrics(entry: Screen.Entry) {
        close()
        unlock(entry, isPinNeeded = true) { turnOn(entry, it) }
    }

    /** Offered again after the system has ended them, with the PIN just typed. */
    fun turnOnAgain(open: Screen.Open) = attempt(R.string.working) { turnOn(open.entry, open.session) }

    private suspend fun turnOn(entry: Screen.Entry, session: Session) {
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

    fun turnOffBiometrics(entry: Screen.Entry) {
        close()
        unlock(entry) { session ->
            session.turnOffBiometrics()
            close()
            screen = Screen.Done(R.string.biometrics_off, R.string.biometrics_off_text)
        }
    }

    private suspend fun showCode(entry: Screen.Entry, session: Session) {
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

    private fun fresh(entry: Screen.Entry, problem: SymbolonException?) =
        Screen.Entry(entry.account, entry.account.info(), entry.account.status(), entry.asked, problem)

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
        if (isByBiometrics) {
            // Another PIN takes the one of now.
            close()
            return unlock(entry, isPinNeeded = true) { newPin(entry, it) }
        }
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
            val (title, text) = words(outcome)
            this.asked[asked.entry.info.serial] = this.asked[asked.entry.info.serial].orEmpty().filter { it !== asked.approval }
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

    fun history(open: Screen.Open) = attempt(R.string.working, entry = open.entry) {
        screen = Screen.History(open.entry, open.session.history())
    }

    // Settings

    fun settings(open: Screen.Open) {
        screen = Screen.Settings(open.entry)
    }

    fun changePin(entry: Screen.Entry) {
        close()
        unlock(entry, isPinNeeded = true) { session -> newPin(entry, session) }
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
