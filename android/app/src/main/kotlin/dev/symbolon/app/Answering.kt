/* What is asked, on the screen and in notifications, and the person's answer; and challenges that a page shows. */
package dev.symbolon.app

import dev.symbolon.ffi.Account
import dev.symbolon.ffi.Approval
import dev.symbolon.ffi.Decision
import dev.symbolon.ffi.SymbolonException
import java.time.Duration
import java.time.Instant
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch

fun Model.ask(entry: Screen.Entry, approval: Approval) {
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
fun Model.decide(asked: Screen.Asked, decision: Decision, value: String?) {
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

fun Model.approveOffline(asked: Screen.OfflineAsked) = unlock(asked.entry) { session ->
    screen = Screen.Response(R.string.approval_code, session.approveOffline(asked.approval))
}

fun Model.challenge(open: Screen.Open) {
    screen = Screen.Challenge(open.session)
}

fun Model.respond(challenge: Screen.Challenge, digits: String) {
    attempt(R.string.working, input = { challenge.copy(mistake = R.string.mistyped) }) {
        screen = Screen.Response(R.string.response, challenge.session.respond(digits))
    }
}

fun Model.history(open: Screen.Open) = attempt(R.string.working, entry = open.entry) {
    screen = Screen.History(open.entry, open.session.history())
}

/**
 * Asks every server at once, since the phone was woken. Says of each account whose server answered what waits for it,
 * unless the person looks at it already.
 */
fun Model.wokenUp(say: (String, List<Waiting>) -> Unit, done: () -> Unit) {
    scope.launch {
        if (listening?.isActive == true) {
            token().lookNow()
        } else {
            for (account in quietly { token().accounts() }.orEmpty()) {
                quietly { say(account.info().serial, waiting(account)) }
            }
        }
        done()
    }
}

private suspend fun waiting(account: Account): List<Waiting> {
    val requests = try {
        account.requests(Duration.ZERO)
    } catch (_: SymbolonException.NotActive) {
        emptyList()
    }
    // By the policy that the server has told of just now, and by its clock.
    val isAnswerable = account.info().policy.actionableNotifications
    val offset = account.status().clockOffset
    return requests.map { it.request() }.map { Waiting(it.id, it.expiresAt.minusMillis(offset), isAnswerable) }
}

/**
 * A decision was tapped in a notification. It goes on to the gate as if it had been tapped on the screen of what is asked;
 * where the policy has come to forbid that, or a value is to be matched first, that screen is shown.
 */
fun Model.answer(serial: String, id: String, decision: Decision) {
    close()
    attempt(R.string.asking_server, again = { answer(serial, id, decision) }) {
        val account = token().accounts().firstOrNull { it.info().serial == serial } ?: throw SymbolonException.NoSuchToken()
        val approval = account.requests(Duration.ZERO).firstOrNull { it.request().id == id }
        if (approval == null) {
            screen = Screen.Done(R.string.not_confirmed, R.string.not_confirmed_text)
            return@attempt
        }
        val info = account.info()
        ask(Screen.Entry(account, info, account.status(), emptyList(), null), approval)
        val asked = screen as? Screen.Asked ?: return@attempt
        val isMatched = decision != Decision.CONFIRM || asked.request.mutualChallenge == null
        if (info.policy.actionableNotifications && isMatched) decide(asked, decision, null)
    }
}
