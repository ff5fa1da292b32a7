package dev.symbolon.app

import android.content.ClipDescription
import android.content.ClipboardManager
import android.view.View
import android.view.WindowManager
import android.widget.Button
import android.widget.EditText
import dev.symbolon.ffi.MutualPrompt
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.TestServer
import dev.symbolon.testing.until
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment

/** What a person does with the app. */
class JourneysTest : PhoneTest() {
    @Test
    fun aLinkLeadsToACodeThatTheServerAccepts() {
        val person = Person(server.handOut("alice").link)
        person.sees(server.address.removePrefix("https://"))
        person.sees("alice")
        accept(person)
        openCode(person)
        assertTrue(server.accepts("alice", person.digits()))

        person.tap(R.string.copy)
        val clipboard = RuntimeEnvironment.getApplication().getSystemService(ClipboardManager::class.java)!!
        assertTrue(clipboard.primaryClip!!.description.extras.getBoolean(ClipDescription.EXTRA_IS_SENSITIVE))

        // Whoever comes back finds it closed; whoever turns the phone does not.
        person.turn()
        person.sees(R.string.copy)
        person.leaveAndComeBack()
        person.sees(R.string.accounts)
        assertFalse(person.activity.getString(R.string.copy) in person.words())
    }

    @Test
    fun aTicketOnPaperIsTyped() {
        val ticket = server.handOut("alice")
        val person = Person()
        person.sees(R.string.welcome)
        person.tap(R.string.add)
        person.tap(R.string.type_code)
        person.type(R.string.server, server.address)
        person.type(R.string.serial, "12")
        person.type(R.string.activation_code, ticket.code)
        person.tap(R.string.go_on)
        person.sees(R.string.mistyped)
        person.type(R.string.server, server.address)
        person.type(R.string.serial, ticket.serial)
        person.type(R.string.activation_code, ticket.code)
        person.tap(R.string.go_on)
        accept(person)
    }

    @Test
    fun thePageOfAMailOpensTheAppAndTheCodeBesideItIsTyped() {
        val ticket = server.handOut("alice")
        val person = Person(ticket.page)
        person.sees(R.string.code_of_link_text)
        person.sees(ticket.serial)
        person.type(R.string.activation_code, "1234")
        person.tap(R.string.go_on)
        person.sees(R.string.mistyped)
        person.type(R.string.activation_code, ticket.code)
        person.tap(R.string.go_on)
        accept(person)
        openCode(person)
        assertTrue(server.accepts("alice", person.digits()))
        // Another server's page speaks for that server alone.
        person.tapLink(ticket.page.replaceBefore("/activate", "https://evil.example"))
        person.sees(R.string.unreadable)
    }

    @Test
    fun aQrAndAPasswordActivateWithoutANetwork() {
        val offline = server.handOutOffline("alice").getJSONObject("ticket").getJSONObject("offline")
        val person = Person()
        // The camera's picture of it is read as the app reads it.
        person.tapLink(photographed(offline.getString("qr")))
        person.type(R.string.password, offline.getString("password"))
        person.tap(R.string.go_on)
        person.sees(R.string.proposed_offline)
        person.tap(R.string.accept)
        person.choosePin(PIN)
        person.sees(R.string.registered)
        val registration = person.digits()
        person.tap(R.string.ok)
        person.sees(R.string.activating_offline)
        openCode(person)
        val code = person.digits()
        val serial = (person.model.screen as Screen.Open).entry.info.serial
        server.admin("token", "complete", serial, "--registration-code", registration, "--code", code)
        // The first code was used by that.
        assertFalse(server.accepts("alice", code))
    }

    @Test
    fun wrongPinsLockTheTokenAndTheHelpDesksCodeIsTheWayBack() {
        server.admin("policy", "set", "pin_tries=2")
        val person = activated()
        person.tap("alice")
        person.pin("111111")
        person.sees(R.string.wrong_pin, 1)
        person.pin("111111")
        person.sees(R.string.locked_text)
        val locked = person.model.screen as Screen.Locked
        person.type(R.string.unlock_code, "ABCD-EFGH-JKMN-PQRS")
        person.tap(R.string.unlock)
        person.sees(R.string.wrong_unlock_code)
        val code = server.admin("token", "unlock-pin", locked.entry.info.serial, locked.challenge).getString("unlock_code")
        person.type(R.string.unlock_code, code)
        person.tap(R.string.unlock)
        person.choosePin("407183")
        person.sees(R.string.pin_set)
        person.tap(R.string.ok)
        person.tap("alice")
        person.pin("407183")
        person.sees(R.string.copy)
    }

    @Test
    fun weakPinsAreRefusedWithTheirReason() {
        val person = Person(server.handOut("alice").link)
        person.tap(R.string.accept)
        for ((pin, reason) in listOf("123456" to R.string.pin_run, "121212" to R.string.pin_repetition, "110990" to R.string.pin_date)) {
            person.sees(R.string.choose_pin)
            person.pin(pin)
            person.sees(reason)
        }
        person.pin(PIN)
        person.sees(R.string.repeat_pin)
        person.pin("837195")
        person.sees(R.string.pins_differ)
    }

    @Test
    fun anApprovalIsConfirmedWithItsValueAndFiftyTapsAnswerOnce() {
        val person = activated()
        val asked = server.ask("alice", payment())
        person.sees(PAYMENT)
        person.tap(PAYMENT)
        person.sees("Shop")
        person.type(R.string.enter_value, asked.getString("mutual_challenge"))
        val button = person.views().first { it is Button && it.text == person.activity.getString(R.string.confirm) }
        repeat(50) { button.performClick() }
        person.pin(PIN)
        person.sees(R.string.confirmed_text)
        assertEquals("confirmed", server.status(asked))
        person.tap(R.string.ok)
        // Once, and it lasts.
        person.die()
        openCode(person)
        person.tap(R.string.history)
        person.sees(PAYMENT)
        assertEquals(1, (person.model.screen as Screen.History).decisions.size)
    }

    @Test
    fun anApprovalIsCancelledOrReported() {
        val person = activated()
        for ((button, seen, status) in listOf(
            Triple(R.string.cancel, R.string.cancelled_text, "cancelled"),
            Triple(R.string.concern, R.string.concern_raised_text, "concern"),
        )) {
            val asked = server.ask("alice", payment())
            person.tap(PAYMENT)
            person.tap(button)
            person.pin(PIN)
            person.sees(seen)
            assertEquals(status, server.status(asked))
            person.tap(R.string.ok)
            person.sees(R.string.accounts)
        }
    }

    @Test
    fun aValueThatThePageDoesNotShowConfirmsNothing() {
        val person = activated()
        val typed = server.ask("alice", payment())
        person.tap(PAYMENT)
        // Too short: nothing is sent, and nothing is used up.
        person.type(R.string.enter_value, "1")
        person.tap(R.string.confirm)
        person.sees(R.string.concern)
        person.type(R.string.enter_value, other(typed.getString("mutual_challenge")))
        person.tap(R.string.confirm)
        person.pin(PIN)
        person.sees(R.string.value_was_wrong_text)
        assertEquals("mutual_challenge_failed", server.status(typed))
        person.tap(R.string.ok)

        server.admin("policy", "set", "mutual_challenge=pick")
        val picked = server.ask("alice", payment("203.0.113.8"))
        person.tap(PAYMENT)
        person.sees(R.string.pick_value)
        val choices = (person.model.screen as Screen.Asked).request.mutualChallenge as MutualPrompt.Pick
        person.tap(choices.choices.first { it != picked.getString("mutual_challenge") })
        person.pin(PIN)
        person.sees(R.string.value_was_wrong_text)
        assertEquals("mutual_challenge_failed", server.status(picked))
        person.tap(R.string.ok)

        val right = server.ask("alice", payment("203.0.113.9"))
        person.tap(PAYMENT)
        person.tap(right.getString("mutual_challenge"))
        person.pin(PIN)
        person.sees(R.string.confirmed_text)
        assertEquals("confirmed", server.status(right))
    }

    private fun other(value: String) = value.map { if (it == '9') '0' else it + 1 }.joinToString("")

    @Test
    fun theAccountMovesToANewPhoneThroughTheScreensOfBoth() {
        val old = activated()
        openCode(old)
        old.tap(R.string.settings)
        old.tap(R.string.move)
        old.pin(PIN)
        old.sees(R.string.move_text)
        val scanned = photographed((old.model.screen as Screen.Moving).ticket.qr)

        val new = Person(scanned, Phone("new"))
        new.sees(R.string.comparison)
        val digits = new.digits()
        new.tap(R.string.accept)
        new.choosePin("407183")
        new.sees(R.string.waiting_for_old_phone)

        old.sees(R.string.move_digits_text)
        old.type(R.string.challenge_digits, other(digits))
        old.tap(R.string.agree)
        old.sees(R.string.other_phone)
        old.type(R.string.challenge_digits, digits)
        old.tap(R.string.agree)
        new.sees(R.string.accounts)
        old.sees(R.string.moved_text)
        old.tap(R.string.ok)
        old.sees(R.string.welcome)

        new.tap("alice")
        new.pin("407183")
        new.sees(R.string.copy)
        assertTrue(server.accepts("alice", new.digits()))
    }

    @Test
    fun aMoveThatIsCancelledLeavesTheOldPhoneAsItWas() {
        val old = activated()
        openCode(old)
        old.tap(R.string.settings)
        old.tap(R.string.move)
        old.pin(PIN)
        val scanned = photographed(until(old) { old.model.screen as? Screen.Moving }.ticket.qr)
        old.tap(R.string.cancel)
        old.sees(R.string.accounts)
        val new = Person(scanned, Phone("new"))
        new.sees(R.string.ticket_refused)
        openCode(old)
        assertTrue(server.accepts("alice", old.digits()))
    }

    private fun <T : Any> until(person: Person, what: () -> T?): T {
        until({ person.words() }) { what() != null }
        return what()!!
    }

    @Test
    fun aQrIsApprovedWithoutANetworkByTheCodeThatIsTyped() {
        val person = activated()
        val qr = server.askByQr("alice", payment().getJSONObject("transaction"))
        person.tap(R.string.scan)
        person.tapLink(photographed(qr))
        person.sees(PAYMENT)
        person.tap(R.string.make_code)
        person.pin(PIN)
        person.sees(R.string.approval_code)
        assertEquals(8, person.digits().length)
    }

    @Test
    fun anUnsecurePhoneIsRefusedUntilThePolicyAllowsIt() {
        tampered()
        val link = server.handOut("alice").link
        val person = Person(link)
        person.sees(R.string.refused)
        person.sees("it is signed with test keys")
        server.admin("policy", "set", "allow_unsecure_device=true")
        person.tapLink(link)
        accept(person)
        openCode(person)
    }

    @Test
    fun aServerThatWantsAttestationRefusesAKeyWhoseMakerItDoesNotKnow() {
        val link = server.handOut("alice").link
        server.admin("policy", "set", "require_attestation=true")
        val person = Person(link)
        person.sees(R.string.refused)
        person.sees("what this device's hardware says of itself can't be verified")
        assertEquals(0, FakeKeyStore.entries.size)
    }

    @Test
    fun twoAccountsOnTwoServersLiveSideBySide() = TestServer().use { other ->
        val person = activated()
        person.tapLink(other.handOut("bob").link)
        accept(person)
        openCode(person)
        assertTrue(server.accepts("alice", person.digits()))
        person.model.toAccounts()
        person.tap("bob")
        person.pin(PIN)
        person.sees(R.string.copy)
        assertTrue(other.accepts("bob", person.digits()))
    }

    @Test
    fun withoutANetworkCodesWorkAndWhatNeedsOneSaysSo() {
        val person = activated()
        server.close()
        openCode(person)
        person.tap(R.string.settings)
        person.tap(R.string.move)
        person.pin(PIN)
        person.sees(R.string.offline)
        person.tap(R.string.ok)
        person.sees(R.string.accounts)
    }

    @Test
    fun thePinIsChangedAndTheAccountRemoved() {
        val person = activated()
        openCode(person)
        person.tap(R.string.settings)
        person.tap(R.string.change_pin)
        person.pin(PIN)
        person.choosePin("407183")
        person.sees(R.string.pin_set)
        person.tap(R.string.ok)
        person.tap("alice")
        person.pin("407183")
        person.tap(R.string.settings)
        person.tap(R.string.remove)
        person.tap(R.string.remove)
        person.sees(R.string.welcome)
        assertEquals(0, FakeKeyStore.entries.size)
    }

    @Test
    fun nothingLeaksFromTheScreenAndEverythingHasAName() {
        val person = activated()
        assertTrue(person.activity.window.attributes.flags and WindowManager.LayoutParams.FLAG_SECURE != 0)
        person.tap("alice")
        person.sees(R.string.enter_pin)
        assertTrue("no keyboard of others", person.views().none { it is EditText })
        for (button in person.views().filter(View::hasOnClickListeners)) {
            val name = button.contentDescription ?: (button as? Button)?.text
            assertTrue("a button without a name", !name.isNullOrBlank())
            assertTrue("${name}: touches through others", button.filterTouchesWhenObscured)
        }
        val read = person.views().filterIsInstance<Button>().map { it.contentDescription?.toString() ?: it.text.toString() }
        assertEquals((1..9).map { "$it" } + listOf("0", person.activity.getString(R.string.delete)), read.take(11))
        assertNull("saved states hold nothing", person.activity.intent.data)
    }
}
