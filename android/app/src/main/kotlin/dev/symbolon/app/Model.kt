package dev.symbolon.app

import dev.symbolon.ffi.Approval
import dev.symbolon.ffi.Ending
import dev.symbolon.ffi.Event
import dev.symbolon.ffi.InternalException
import dev.symbolon.ffi.News
import dev.symbolon.ffi.Session
import dev.symbolon.ffi.SoftToken
import dev.symbolon.ffi.SymbolonException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** What the person does, and what is shown then. Used on the main thread only. */
class Model(private val open: suspend () -> SoftToken) {
    internal val scope: CoroutineScope = MainScope()
    private var softToken: SoftToken? = null
    internal var session: Session? = null
    private val opening = Mutex()
    private var isInFront = false
    internal var listening: Job? = null

    /** What each account is asked, by serial number, and which of them count no more. */
    internal val asked = mutableMapOf<String, List<Approval>>()
    private val gone = mutableSetOf<String>()

    /** Those whose biometrics the system has ended. */
    internal val lost = mutableSetOf<String>()
    internal var isByBiometrics = false
    internal var prompting: Job? = null
    internal var moving: Job? = null
    internal var learning: Job? = null
    internal var expiry: Job? = null
    private var attempts = 0

    /** What is on the screen. */
    var screen: Screen = Screen.Working(R.string.starting)
        internal set(value) {
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

    internal suspend fun home() {
        screen = Screen.Accounts(entries(), token().damagedAccounts())
        listen()
    }

    internal suspend fun entries() = token().accounts().map { account ->
        val info = account.info()
        Screen.Entry(account, info, account.status(), asked[info.serial].orEmpty(), goneAs(info.serial))
    }

    private fun goneAs(serial: String) = if (serial in gone) SymbolonException.NotActive() else null

    internal suspend fun token(): SoftToken = opening.withLock { softToken ?: open().also { softToken = it } }

    internal fun close() {
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

    // What goes wrong

    internal fun problem(error: SymbolonException, again: (() -> Unit)? = null, entry: Screen.Entry? = null) {
        screen = Screen.Problem(error, again, entry)
    }

    /** Does something that takes time, and shows what went wrong with what to do; [input] where the person mistyped. */
    internal fun attempt(
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
    internal suspend fun reason(act: suspend () -> Unit): SymbolonException? = try {
        act()
        null
    } catch (error: SymbolonException) {
        error
    }

    internal suspend fun <T> quietly(act: suspend () -> T): T? = try {
        act()
    } catch (_: SymbolonException) {
        null
    }
}
