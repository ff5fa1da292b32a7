package dev.symbolon.app

import android.content.ClipData
import android.content.ClipDescription
import android.content.ClipboardManager
import android.content.Context
import android.os.Handler
import android.os.Looper
import android.os.PersistableBundle
import android.text.format.DateUtils
import android.view.View
import android.widget.ProgressBar
import dev.symbolon.ffi.AccountState
import dev.symbolon.ffi.Biometrics
import dev.symbolon.ffi.BiometricsObstacle
import dev.symbolon.ffi.Code
import dev.symbolon.ffi.Decision
import dev.symbolon.ffi.HistoryEntry
import dev.symbolon.ffi.HistoryKind
import dev.symbolon.ffi.MutualPrompt
import dev.symbolon.ffi.Outcome
import dev.symbolon.ffi.Signal
import dev.symbolon.ffi.SymbolonException
import dev.symbolon.ffi.Transaction
import java.time.Duration
import java.time.Instant

/** Draws a screen. Every word is the person's language; nothing is decided here. */
fun Sheet.draw(screen: Screen, model: Model) {
    fun say(text: Int, vararg arguments: Any) = context.getString(text, *arguments)
    when (screen) {
        is Screen.Working -> {
            add(ProgressBar(context), 120)
            text(say(screen.text), 18f).textAlignment = View.TEXT_ALIGNMENT_CENTER
        }
        is Screen.Accounts -> accounts(screen, model)
        is Screen.Add -> {
            title(say(R.string.add))
            text(say(R.string.add_text))
            button(say(R.string.scan)) { model.scan() }
            button(say(R.string.type_code), isFirst = false) { model.type(isOffline = false) }
            button(say(R.string.type_offline), isFirst = false) { model.type(isOffline = true) }
        }
        is Screen.Scan -> Unit
        is Screen.Typed -> {
            title(say(if (screen.isOffline) R.string.type_offline else R.string.type_code))
            screen.mistake?.let { warning(say(it)) }
            val server = field(say(R.string.server))
            val serial = field(say(R.string.serial), isNumber = true).apply { keyListener = android.text.method.DigitsKeyListener.getInstance("0123456789- ") }
            val code = field(say(R.string.activation_code), isSecret = true)
            button(say(R.string.go_on)) {
                model.typed(server.text.toString(), serial.text.toString(), code.text.toString(), screen.isOffline)
                code.text.clear()
            }
        }
        is Screen.OfflinePassword -> {
            title(say(R.string.password))
            text(say(R.string.password_text))
            screen.mistake?.let { warning(say(it)) }
            val password = field(say(R.string.password), isSecret = true)
            button(say(R.string.go_on)) {
                model.offlinePassword(screen.qr, password.text.toString())
                password.text.clear()
            }
        }
        is Screen.CodeOfLink -> {
            title(say(R.string.activation_code))
            text(say(R.string.code_of_link_text))
            fact(say(R.string.server), screen.server)
            fact(say(R.string.serial), screen.serial)
            screen.mistake?.let { warning(say(it)) }
            val code = field(say(R.string.activation_code), isSecret = true)
            button(say(R.string.go_on)) {
                model.codeOfLink(screen, code.text.toString())
                code.text.clear()
            }
        }
        is Screen.Proposed -> {
            val info = screen.info
            title(say(R.string.proposed))
            fact(say(R.string.server), info.server ?: say(R.string.unknown))
            fact(say(R.string.organisation), info.issuer)
            fact(say(R.string.account), info.account)
            fact(say(R.string.serial), info.serial)
            text(say(if (info.isOffline) R.string.proposed_offline else R.string.proposed_text))
            info.comparison?.let {
                text(say(R.string.comparison))
                digits(it)
            }
            button(say(R.string.accept)) { model.accept(screen) }
            button(say(R.string.decline), isFirst = false) { model.back() }
        }
        is Screen.Keypad -> {
            title(say(screen.title))
            screen.note?.let { warning(if (it.number == null) say(it.text) else say(it.text, it.number)) }
            Keypad(this, screen.pad, screen.length) { screen.done(screen.pad) }
            screen.biometrics?.let { ask -> button(say(R.string.use_biometrics), isFirst = false) { ask() } }
            screen.help?.let { help -> button(say(R.string.forgot_pin), isFirst = false) { help() } }
        }
        is Screen.Registered -> {
            title(say(R.string.registered))
            text(say(R.string.registered_text))
            digits(screen.code)
            button(say(R.string.ok)) { model.toAccounts() }
        }
        is Screen.Open -> open(screen, model)
        is Screen.Asked -> asked(screen, model)
        is Screen.OfflineAsked -> {
            title(say(R.string.offline_asked))
            fact(say(R.string.organisation), screen.request.issuer)
            transaction(screen.request.transaction)
            text(say(R.string.offline_asked_text))
            button(say(R.string.make_code)) { model.approveOffline(screen) }
            button(say(R.string.cancel), isFirst = false) { model.back() }
        }
        is Screen.Response -> {
            title(say(screen.title))
            text(say(R.string.response_text))
            digits(screen.code.grouped)
            button(say(R.string.ok)) { model.toAccounts() }
        }
        is Screen.Challenge -> {
            title(say(R.string.respond))
            text(say(R.string.respond_text))
            screen.mistake?.let { warning(say(it)) }
            val typed = field(say(R.string.challenge_digits), isNumber = true)
            button(say(R.string.go_on)) { model.respond(screen, typed.text.toString()) }
        }
        is Screen.Moving -> {
            title(say(R.string.move))
            text(say(R.string.move_text))
            add(QrView(context, screen.ticket.qr).apply { contentDescription = say(R.string.move_qr) }, 16)
            button(say(R.string.cancel), isFirst = false) { model.cancelMove(screen.move) }
        }
        is Screen.MoveDigits -> {
            title(say(R.string.move_digits, screen.model))
            text(say(R.string.move_digits_text))
            screen.mistake?.let { warning(say(it)) }
            val typed = field(say(R.string.challenge_digits), isNumber = true)
            button(say(R.string.agree)) { model.agree(screen, typed.text.toString()) }
            button(say(R.string.cancel), isFirst = false) { model.cancelMove(screen.move) }
        }
        is Screen.Settings -> settings(screen, model)
        is Screen.History -> {
            title(say(R.string.history))
            faint(say(R.string.history_text, screen.entry.info.account))
            if (screen.decisions.isEmpty()) text(say(R.string.history_empty))
            screen.decisions.forEach { decided(it) }
            button(say(R.string.ok)) { model.toAccounts() }
        }
        is Screen.Locked -> {
            title(say(R.string.locked))
            text(say(R.string.locked_text))
            fact(say(R.string.serial), screen.entry.info.serial)
            fact(say(R.string.lock_challenge), screen.challenge)
            screen.mistake?.let { warning(say(it)) }
            val code = field(say(R.string.unlock_code), isSecret = true)
            button(say(R.string.unlock)) {
                model.unlockCode(screen, code.text.toString())
                code.text.clear()
            }
        }
        is Screen.Remove -> {
            title(say(R.string.remove))
            fact(say(R.string.account), screen.entry.info.account)
            text(say(R.string.remove_text))
            button(say(R.string.keep)) { model.toAccounts() }
            button(say(R.string.remove), isFirst = false, color = R.color.warning) { model.remove(screen.entry) }
        }
        is Screen.Damaged -> {
            title(say(R.string.damaged))
            fact(say(R.string.serial), screen.account.serial)
            text(say(R.string.damaged_text))
            button(say(R.string.keep)) { model.toAccounts() }
            button(say(R.string.remove), isFirst = false, color = R.color.warning) { model.remove(screen.account) }
        }
        is Screen.Done -> {
            title(say(screen.title))
            text(say(screen.text))
            button(say(R.string.ok)) { model.toAccounts() }
        }
        is Screen.Problem -> problem(screen, model)
    }
}

private fun Sheet.accounts(screen: Screen.Accounts, model: Model) {
    if (screen.entries.isEmpty() && screen.damaged.isEmpty()) {
        title(context.getString(R.string.welcome))
        text(context.getString(R.string.welcome_text))
        button(context.getString(R.string.add)) { model.add() }
        return
    }
    title(context.getString(R.string.accounts))
    for (entry in screen.entries) {
        for (approval in entry.asked) {
            val request = approval.request()
            card({
                text(context.getString(R.string.asked), 18f, R.color.brand)
                text(request.transaction?.summary ?: context.getString(R.string.sign_in))
                faint(request.application)
            }) { model.ask(entry, approval) }
        }
        card({
            text(entry.info.label ?: entry.info.issuer, 18f)
            faint("${entry.info.issuer} · ${entry.info.account}")
            state(entry)?.let { warning(it) }
            entry.problem?.let { (if (it is SymbolonException.Unreachable) ::faint else ::warning)(words(context, it).first) }
        }) { model.unlock(entry) }
    }
    for (damaged in screen.damaged) {
        card({
            text(damaged.serial, 18f)
            warning(context.getString(R.string.damaged))
        }) { model.lookAt(damaged) }
    }
    button(context.getString(R.string.scan), isFirst = false) { model.scan() }
    button(context.getString(R.string.add), isFirst = false) { model.add() }
}

private fun Sheet.state(entry: Screen.Entry): String? = when {
    !entry.status.isDeviceAllowed -> context.getString(R.string.unsecure)
    entry.status.state == AccountState.LOCKED -> context.getString(R.string.locked)
    entry.status.state == AccountState.ACTIVATING && entry.info.isOffline -> context.getString(R.string.activating_offline)
    entry.status.state == AccountState.ACTIVATING -> context.getString(R.string.activating_state)
    else -> null
}

private fun Sheet.open(screen: Screen.Open, model: Model) {
    title(screen.entry.info.label ?: screen.entry.info.issuer)
    faint("${screen.entry.info.issuer} · ${screen.entry.info.account}")
    digits(screen.code.grouped)
    add(Ring(context).also { Countdown(it, screen.code) { model.refreshCode(screen) } }, 8)
    screen.entry.clockIsOff?.let { warning(context.getString(R.string.clock_wrong, it)) }
    screen.entry.problem?.let { (if (it is SymbolonException.Unreachable) ::faint else ::warning)(words(context, it).second) }
    screen.registration?.let {
        faint(context.getString(R.string.registration_code))
        text(it, 22f)
    }
    button(context.getString(R.string.copy)) { copy(screen.code) }
    if (screen.offersBiometrics) {
        text(context.getString(R.string.biometrics_offer))
        button(context.getString(R.string.turn_on_biometrics), isFirst = false) { model.turnOnAgain(screen) }
    }
    button(context.getString(R.string.respond), isFirst = false) { model.challenge(screen) }
    button(context.getString(R.string.history), isFirst = false) { model.history(screen) }
    button(context.getString(R.string.settings), isFirst = false) { model.settings(screen) }
}

/** Moves the ring, and asks for the next code when the time is over; ends when the ring is gone from the screen. */
private class Countdown(private val ring: Ring, private val code: Code, private val over: () -> Unit) : Runnable {
    init {
        run()
    }

    override fun run() {
        val left = Duration.between(Instant.now(), code.validUntil)
        ring.left = (left.toMillis().toFloat() / code.period.toMillis()).coerceIn(0f, 1f)
        ring.contentDescription = ring.context.getString(R.string.seconds_left, left.seconds.coerceAtLeast(0).toInt())
        if (left <= Duration.ZERO) over() else ring.postDelayed(this, STEP)
    }

    private companion object {
        const val STEP = 250L
    }
}

/** Puts a code on the clipboard, marked as nobody's business, and takes it off when it counts no more. */
private fun Sheet.copy(code: Code) {
    val clipboard = context.getSystemService(ClipboardManager::class.java) ?: return
    val clip = ClipData.newPlainText(context.getString(R.string.app_name), code.digits)
    clip.description.extras = PersistableBundle().apply { putBoolean(ClipDescription.EXTRA_IS_SENSITIVE, true) }
    clipboard.setPrimaryClip(clip)
    Handler(Looper.getMainLooper()).postDelayed({ clipboard.clearPrimaryClip() }, code.period.toMillis() * 2)
}

private fun Sheet.asked(screen: Screen.Asked, model: Model) {
    fun say(text: Int, vararg arguments: Any) = context.getString(text, *arguments)
    val request = screen.request
    title(say(R.string.asked))
    // Who, where, what: in this order.
    fact(say(R.string.asked_by), request.application)
    fact(say(R.string.account), "${request.account} · ${request.issuer}")
    request.context?.let { where ->
        faint(say(R.string.as_claimed, request.application))
        where.application?.let { fact(say(R.string.signing_in_to), it) }
        where.address?.let { fact(say(R.string.from), it) }
        where.place?.let { fact(say(R.string.place), it) }
        where.userAgent?.let { fact(say(R.string.device), it) }
    }
    request.transaction?.let { transaction(it) } ?: fact(say(R.string.what), say(R.string.sign_in))
    when (val prompt = request.mutualChallenge) {
        null -> button(say(R.string.confirm)) { model.decide(screen, Decision.CONFIRM, null) }
        is MutualPrompt.Pick -> {
            text(say(R.string.pick_value), 18f)
            prompt.choices.forEach { choice -> button(choice) { model.decide(screen, Decision.CONFIRM, choice) } }
        }
        is MutualPrompt.Enter -> {
            val value = field(say(R.string.enter_value), isNumber = prompt.isNumeric, isSecret = !prompt.isNumeric)
            button(say(R.string.confirm)) {
                val typed = value.text.toString().filterNot(Char::isWhitespace)
                if (typed.length == prompt.length.toInt()) model.decide(screen, Decision.CONFIRM, typed)
                else value.error = say(R.string.enter_value)
            }
        }
    }
    button(say(R.string.cancel), isFirst = false) { model.decide(screen, Decision.CANCEL, null) }
    button(say(R.string.concern), isFirst = false, color = R.color.warning) { model.decide(screen, Decision.CONCERN, null) }
}

private fun Sheet.transaction(transaction: Transaction) {
    fact(context.getString(R.string.what), transaction.summary)
    transaction.details.forEach { fact(it.name, it.value) }
}

/** A decision, and what came of it. */
private fun Sheet.decided(entry: HistoryEntry) = card({
    text(entry.summary ?: context.getString(R.string.sign_in), 18f)
    faint(listOfNotNull(entry.application, since(entry.time)).joinToString(" · "))
    val outcome = entry.outcome
    text(context.getString(if (outcome == null) words(entry) else words(outcome).first))
}, null)

private fun words(entry: HistoryEntry): Int = when {
    entry.kind == HistoryKind.OFFLINE_QR -> R.string.code_was_shown
    entry.decision == Decision.CONFIRM -> R.string.confirmed_unanswered
    entry.decision == Decision.CONCERN -> R.string.concern_unanswered
    else -> R.string.cancelled_unanswered
}

/** What became of a decision, in a title and a sentence. */
fun words(outcome: Outcome): Pair<Int, Int> = when (outcome) {
    is Outcome.Confirmed -> R.string.confirmed to R.string.confirmed_text
    is Outcome.Concern -> R.string.concern_raised to R.string.concern_raised_text
    is Outcome.Cancelled -> R.string.cancelled to R.string.cancelled_text
    is Outcome.MutualChallengeFailed -> R.string.value_was_wrong to R.string.value_was_wrong_text
    is Outcome.Other -> R.string.not_confirmed to R.string.not_confirmed_text
}

/** Why a finger or face opens nothing here. */
fun words(obstacle: BiometricsObstacle): Int = when (obstacle) {
    BiometricsObstacle.BY_POLICY -> R.string.biometrics_by_policy
    BiometricsObstacle.FACE_NOT_EXCLUDED -> R.string.biometrics_face
    BiometricsObstacle.NOT_SET_UP -> R.string.biometrics_not_set_up
}

private fun Sheet.settings(screen: Screen.Settings, model: Model) {
    val (info, status) = screen.entry.info to screen.entry.status
    title(context.getString(R.string.settings))
    button(context.getString(R.string.change_pin), isFirst = false) { model.changePin(screen.entry) }
    if (info.pinLength != null) when (val biometrics = status.biometrics) {
        is Biometrics.On ->
            button(context.getString(R.string.turn_off_biometrics), isFirst = false) { model.turnOffBiometrics(screen.entry) }
        is Biometrics.Off ->
            button(context.getString(R.string.turn_on_biometrics), isFirst = false) { model.turnOnBiometrics(screen.entry) }
        is Biometrics.Unavailable -> faint(context.getString(words(biometrics.obstacle)))
    }
    if (!info.isOffline) button(context.getString(R.string.move), isFirst = false) { model.beginMove(screen.entry) }
    button(context.getString(R.string.remove), isFirst = false, color = R.color.warning) { model.askToRemove(screen.entry) }
    text(context.getString(R.string.support), 18f)
    fact(context.getString(R.string.serial), info.serial)
    fact(context.getString(R.string.server), info.server ?: context.getString(R.string.unknown))
    fact(context.getString(R.string.last_contact), status.lastContact?.let(::since) ?: context.getString(R.string.never))
}

private fun since(time: Instant): String =
    DateUtils.getRelativeTimeSpanString(time.toEpochMilli(), System.currentTimeMillis(), DateUtils.MINUTE_IN_MILLIS).toString()

private fun Sheet.problem(screen: Screen.Problem, model: Model) {
    val error = screen.error
    val (title, text) = words(context, error)
    title(title)
    text(text)
    if (error is SymbolonException.UnsecureDevice) error.signals.forEach { text("• " + context.getString(words(it))) }
    if (error is SymbolonException.MoveWaits) error.digits?.let { digits(it) }
    val isOver = error is SymbolonException.NotActive || error is SymbolonException.KeysLost
    val again = screen.again.takeUnless { isOver }
    again?.let { button(context.getString(R.string.again)) { it() } }
    button(context.getString(R.string.ok), isFirst = again == null) { model.toAccounts() }
    val entry = screen.entry
    if (entry != null && isOver) {
        button(context.getString(R.string.remove), isFirst = false, color = R.color.warning) { model.askToRemove(entry) }
    }
}

/** A title, and what to do. */
private fun words(context: Context, error: SymbolonException): Pair<String, String> {
    fun pair(title: Int, text: Int, vararg arguments: Any) = context.getString(title) to context.getString(text, *arguments)
    return when (error) {
        is SymbolonException.UnsecureDevice -> pair(R.string.unsecure, R.string.unsecure_text)
        is SymbolonException.Unreachable -> pair(R.string.offline, R.string.offline_text, error.server)
        is SymbolonException.Untrusted -> pair(R.string.untrusted, R.string.untrusted_text, error.server)
        is SymbolonException.NotAServer -> pair(R.string.untrusted, R.string.not_server_text, error.server)
        is SymbolonException.Refused -> context.getString(R.string.refused) to error.reason
        is SymbolonException.ActivationRefused, is SymbolonException.Withdrawn -> pair(R.string.ticket_refused, R.string.ticket_refused_text)
        is SymbolonException.Input -> pair(R.string.unreadable, R.string.unreadable_text)
        is SymbolonException.NotActive, is SymbolonException.NoSuchToken -> pair(R.string.not_active, R.string.not_active_text)
        is SymbolonException.AlreadyActive -> pair(R.string.already, R.string.already_text)
        is SymbolonException.NotConfirmed -> pair(R.string.unconfirmed, R.string.unconfirmed_text)
        is SymbolonException.MoveWaits -> pair(R.string.unconfirmed, R.string.waiting_for_old_phone)
        is SymbolonException.KeysLost -> pair(R.string.keys_lost, R.string.keys_lost_text)
        is SymbolonException.TooLate -> pair(R.string.expired, R.string.expired_text)
        is SymbolonException.OtherToken -> pair(R.string.other_token, R.string.other_token_text)
        is SymbolonException.BiometricsNotAllowed -> pair(R.string.biometrics_off, words(error.obstacle))
        is SymbolonException.BiometricsLocked -> pair(R.string.biometrics_off, R.string.biometrics_locked)
        is SymbolonException.BiometricsLost -> pair(R.string.biometrics_off, R.string.biometrics_lost)
        is SymbolonException.BiometricsOff -> pair(R.string.biometrics_off, R.string.biometrics_off_text)
        is SymbolonException.Damaged -> pair(R.string.damaged, R.string.damaged_text)
        is SymbolonException.TooManyRequests, is SymbolonException.Busy -> pair(R.string.busy, R.string.busy_text)
        else -> context.getString(R.string.internal) to error.message.orEmpty()
    }
}

private fun words(signal: Signal): Int = when (signal) {
    Signal.SU_BINARY -> R.string.signal_su
    Signal.TEST_KEYS -> R.string.signal_test_keys
    Signal.DEBUGGER -> R.string.signal_debugger
    Signal.EMULATOR -> R.string.signal_emulator
    Signal.HOOKING_LIBRARY -> R.string.signal_hooking
    Signal.UNLOCKED_BOOTLOADER -> R.string.signal_bootloader
    Signal.RESIGNED_APP -> R.string.signal_resigned
    else -> R.string.signal_other
}
