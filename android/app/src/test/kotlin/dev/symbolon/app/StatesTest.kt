package dev.symbolon.app

import android.os.Looper
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.TestServer
import java.time.Duration
import java.util.TimeZone
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** What is not as it should be has a screen that says what to do. */
class StatesTest : PhoneTest() {
    private fun serial(person: Person) = (person.model.screen as Screen.Accounts).entries.single().info.serial

    @Test
    fun aTokenThatIsDisabledSaysSoUntilItIsEnabled() {
        val person = activated()
        val serial = serial(person)
        server.admin("token", "disable", serial)
        person.leaveAndComeBack()
        person.sees(R.string.not_active)
        // Its code is shown all the same: who is offline can't know; and so is why it won't count.
        openCode(person)
        person.sees(R.string.not_active_text)
        assertFalse(server.accepts("alice", person.digits()))
        server.admin("token", "enable", serial)
        person.model.toAccounts()
        person.gone(R.string.not_active)
        openCode(person)
        assertTrue(server.accepts("alice", person.digits()))
    }

    @Test
    fun aTokenThatIsRevokedCanOnlyBeRemoved() {
        val person = activated()
        server.admin("token", "delete", serial(person))
        openCode(person)
        person.tap(R.string.settings)
        person.tap(R.string.move)
        person.pin(PIN)
        person.sees(R.string.not_active_text)
        person.tap(R.string.remove)
        person.sees(R.string.remove_text)
        person.tap(R.string.remove)
        person.sees(R.string.welcome)
        assertEquals(0, FakeKeyStore.entries.size)
    }

    @Test
    fun anApprovalThatNobodyAnswersExpiresOnTheScreen() {
        val person = activated()
        server.ask("alice", payment())
        person.tap(PAYMENT)
        person.sees(R.string.concern)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMinutes(5))
        person.sees(R.string.expired_text)
        person.tap(R.string.ok)
        person.sees(R.string.accounts)
    }

    @Test
    fun aTicketCountsOnceAndWhatIsNoneIsNamed() {
        val link = server.handOut("alice").link
        val person = Person(link)
        accept(person)
        Person(link, Phone("other")).sees(R.string.ticket_refused)
        for (text in listOf("symbolon://activate?v=1", "symbolon://approve?v=1", "https://example.org/", "otpauth://totp/x", "")) {
            val other = Person(phone = Phone("none"))
            other.sees(R.string.welcome)
            other.model.scanned(text.encodeToByteArray())
            other.sees(R.string.unreadable)
        }
        // This phone has the account already.
        person.tapLink(link)
        person.sees(R.string.ok)
        assertTrue(person.model.screen is Screen.Problem)
    }

    @Test
    fun keysThatTheSystemHasLostLeadToANewBeginning() {
        val person = activated()
        FakeKeyStore.entries.clear()
        person.tap("alice")
        person.pin(PIN)
        person.sees(R.string.keys_lost_text)
        person.tap(R.string.remove)
        person.tap(R.string.remove)
        person.sees(R.string.welcome)
        accept(person.also { it.tapLink(server.admin("token", "add", "alice").getJSONObject("ticket").getJSONObject("online").getString("link")) })
        openCode(person)
    }

    @Test
    fun aFileThatIsDamagedIsNamedAndRemovedAndTheOthersGoOn() {
        val person = activated()
        activated("bob", phone = Phone())
        val vault = person.phone.files.walk().first { it.name == "vault" }
        vault.writeBytes(vault.readBytes().copyOf(40))
        person.die()
        person.tap(R.string.damaged)
        person.sees(R.string.damaged_text)
        person.tap(R.string.remove)
        person.gone(R.string.damaged)
        val left = (person.model.screen as Screen.Accounts).entries.single().info.account
        openCode(person, left)
        assertTrue(server.accepts(left, person.digits()))
    }

    @Test
    fun aClockThatIsWrongIsNamedAndCodesCountAllTheSame() = TestServer(minutes = -10).use { late ->
        val person = activated(of = late)
        openCode(person)
        person.sees(R.string.clock_wrong, 10)
        assertTrue(late.accepts("alice", person.digits()))
    }

    @Test
    fun withAnotherLanguageOrTimeZoneEverythingGoesOn() {
        val person = activated()
        openCode(person)
        val zone = TimeZone.getDefault()
        try {
            for (name in listOf("Pacific/Kiritimati", "Pacific/Pago_Pago")) {
                TimeZone.setDefault(TimeZone.getTimeZone(name))
                person.turn()
                person.sees("Copy")
            }
            RuntimeEnvironment.setQualifiers("+de-rDE")
            person.turn()
            person.sees("Kopieren")
            assertFalse("Copy" in person.words())
            assertTrue(server.accepts("alice", person.digits()))
            server.ask("alice", payment())
            person.model.toAccounts()
            person.tap(PAYMENT)
            person.sees("Das war ich nicht")
            person.tap(R.string.concern)
            person.pin(PIN)
            person.sees(R.string.concern_raised_text)
        } finally {
            TimeZone.setDefault(zone)
            RuntimeEnvironment.setQualifiers("+en-rUS")
        }
    }
}
