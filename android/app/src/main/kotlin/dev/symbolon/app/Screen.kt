package dev.symbolon.app

import dev.symbolon.ffi.Account
import dev.symbolon.ffi.AccountInfo
import dev.symbolon.ffi.AccountStatus
import dev.symbolon.ffi.Approval
import dev.symbolon.ffi.Code
import dev.symbolon.ffi.DamagedAccount
import dev.symbolon.ffi.HistoryEntry
import dev.symbolon.ffi.Move
import dev.symbolon.ffi.MoveTicket
import dev.symbolon.ffi.OfflineApproval
import dev.symbolon.ffi.OfflineRequest
import dev.symbolon.ffi.PinPad
import dev.symbolon.ffi.Proposal
import dev.symbolon.ffi.ProposalInfo
import dev.symbolon.ffi.Request
import dev.symbolon.ffi.Session
import dev.symbolon.ffi.SymbolonException
import java.time.Duration
import kotlin.math.abs

/** From so much on the person is told that their clock is wrong: what the library's events say, too. */
private val CLOCK_IS_WRONG = Duration.ofMinutes(2)

/** What is on the screen, and all that it needs. */
sealed interface Screen {
    /** Something is waited for. */
    data class Working(val text: Int) : Screen

    /** Every account of this phone, and what is asked; without one, the way to the first. */
    data class Accounts(val entries: List<Entry>, val damaged: List<DamagedAccount>) : Screen

    /** An account in the list, what its server asks, and why the server could not be asked. */
    class Entry(
        val account: Account,
        val info: AccountInfo,
        val status: AccountStatus,
        val asked: List<Approval>,
        val problem: SymbolonException?,
    ) {
        /** By how many minutes, to the nearest, the phone's clock is wrong, where it is worth a word. */
        val clockIsOff: Int? = Duration.ofMillis(abs(status.clockOffset)).takeIf { it > CLOCK_IS_WRONG }?.plusSeconds(30)?.toMinutes()?.toInt()
    }

    /** The ways to a new account. */
    data object Add : Screen

    /** The camera. */
    data object Scan : Screen

    /** What stands on paper is typed; with [isOffline] without a network. */
    data class Typed(val isOffline: Boolean, val mistake: Int? = null) : Screen

    /** The password of a QR that was scanned. */
    class OfflinePassword(val qr: ByteArray, val mistake: Int? = null) : Screen

    /** The activation code that stands beside a link. */
    class CodeOfLink(val link: ByteArray, val server: String, val serial: String, val mistake: Int? = null) : Screen

    /** A token that may be accepted. */
    data class Proposed(val proposal: Proposal, val info: ProposalInfo) : Screen

    /** The keypad. */
    class Keypad(
        val title: Int,
        val length: Int,
        val note: Note?,
        val help: (() -> Unit)?,
        val biometrics: (() -> Unit)?,
        val done: (PinPad) -> Unit,
    ) : Screen {
        val pad = PinPad()
    }

    /** A sentence over the keypad: why the last PIN was not taken. */
    data class Note(val text: Int, val number: Int? = null)

    /** What the server is to be told of a token that was activated without a network. */
    data class Registered(val code: String) : Screen

    /** An open account with its code; [offersBiometrics] after the system has ended them. */
    data class Open(
        val entry: Entry,
        val session: Session,
        val code: Code,
        val registration: String?,
        val offersBiometrics: Boolean,
    ) : Screen

    /** Something is asked. */
    data class Asked(val entry: Entry, val approval: Approval, val request: Request, val isSent: Boolean = false) : Screen

    /** A QR asks something without a network. */
    data class OfflineAsked(val approval: OfflineApproval, val request: OfflineRequest, val entry: Entry) : Screen

    /** A code that is typed where it is asked for. */
    data class Response(val title: Int, val code: Code) : Screen

    /** Digits of a page are typed. */
    data class Challenge(val session: Session, val mistake: Int? = null) : Screen

    /** The ticket for a new phone. */
    data class Moving(val session: Session, val move: Move, val ticket: MoveTicket) : Screen

    /** A new phone has used it. */
    data class MoveDigits(val session: Session, val move: Move, val model: String, val mistake: Int? = null) : Screen

    /** What can be changed about an account. */
    data class Settings(val entry: Entry) : Screen

    /** What was decided on this phone. */
    data class History(val entry: Entry, val decisions: List<HistoryEntry>) : Screen

    /** Every PIN try is used up, or the PIN is forgotten. */
    data class Locked(val entry: Entry, val challenge: String, val mistake: Int? = null) : Screen

    /** To remove an account takes a second yes. */
    data class Remove(val entry: Entry) : Screen

    /** An account that can't be read can be removed, and nothing else. */
    data class Damaged(val account: DamagedAccount) : Screen

    /** It went well. */
    data class Done(val title: Int, val text: Int) : Screen

    /** It did not, and what to do. */
    data class Problem(val error: SymbolonException, val again: (() -> Unit)? = null, val entry: Entry? = null) : Screen
}
