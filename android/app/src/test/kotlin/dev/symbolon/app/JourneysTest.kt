package dev.symbolon.app

import android.content.pm.ApplicationInfo
import android.content.ClipDescription
import android.content.ClipboardManager
import android.view.View
import android.view.WindowManager
import android.widget.Button
import android.widget.EditText
import com.google.zxing.BarcodeFormat
import com.google.zxing.qrcode.QRCodeWriter
import dev.symbolon.testing.FakeBiometricPrompt
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.TestServer
import dev.symbolon.testing.until
import org.json.JSONArray
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowBuild

private const val PIN = "837194"

/** What a person does with the app, on Android's framework, with the real library and a real server. */
@RunWith(RobolectricTestRunner::class)
@Config(shadows = [FakeBiometricPrompt::class])
class JourneysTest {
    private val server = TestServer()

    @Before
    fun aPhone() {
        FakeKeyStore.install()
        ShadowBuild.setTags("release-keys")
        RuntimeEnvironment.getApplication().applicationInfo.run { flags = flags and ApplicationInfo.FLAG_DEBUGGABLE.inv() }
    }

    @After
    fun end() = server.close()

    private fun activated(user: String = "alice", of: TestServer = server): Person {
        val person = Person(of.handOut(user).link)
        accept(person)
        return person
    }

    private fun accept(person: Person) {
        person.sees(R.string.proposed)
        person.tap(R.string.accept)
        person.choosePin(PIN)
        person.sees(R.string.accounts)
    }

    private fun openCode(person: Person) {
        person.tap("alice")
        person.pin(PIN)
        person.sees(R.string.copy)
    }

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
        val serial = (person.app.model.screen as Screen.Open).entry.info.serial
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
        val locked = person.app.model.screen as Screen.Locked
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

    private fun payment() = JSONObject().put(
        "transaction",
        JSONObject().put("summary", "Pay 12.50 EUR to Ana Gómez")
            .put("details", JSONArray().put(JSONObject().put("name", "Amount").put("value", "12.50 EUR"))),
    )

    @Test
    fun anApprovalIsConfirmedWithItsValueAndFiftyTapsAnswerOnce() {
        val person = activated()
        val asked = server.ask("alice", payment())
        person.sees("Pay 12.50 EUR to Ana Gómez")
        person.tap("Pay 12.50 EUR to Ana Gómez")
        person.sees("Shop")
        person.type(R.string.enter_value, asked.getString("mutual_challenge"))
        val button = person.views().first { it is Button && it.text == person.activity.getString(R.string.confirm) }
        repeat(50) { button.performClick() }
        person.pin(PIN)
        person.sees(R.string.confirmed_text)
        assertEquals("confirmed", server.status(asked))
        person.tap(R.string.ok)
        person.tap(R.string.history)
        person.sees("Pay 12.50 EUR to Ana Gómez")
    }

    @Test
    fun anApprovalIsCancelledReportedOrGivenAWrongValue() {
        val person = activated()
        for ((button, seen, status) in listOf(
            Triple(R.string.cancel, R.string.cancelled_text, "cancelled"),
            Triple(R.string.concern, R.string.concern_raised_text, "concern"),
        )) {
            val asked = server.ask("alice", payment())
            person.tap("Pay 12.50 EUR to Ana Gómez")
            person.tap(button)
            person.pin(PIN)
            person.sees(seen)
            assertEquals(status, server.status(asked))
            person.tap(R.string.ok)
            person.sees(R.string.accounts)
        }
    }

    @Test
    fun anUnsecurePhoneIsRefusedUntilThePolicyAllowsIt() {
        ShadowBuild.setTags("test-keys")
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
    fun whatWasStoredIsThereAfterTheProcessDied() {
        val person = activated()
        person.end()
        // A new process has a new model.
        val again = Model { dev.symbolon.sdk.Symbolon.open(RuntimeEnvironment.getApplication(), "Symbolon 0.1.0") }
        again.resume()
        until { again.screen is Screen.Accounts }
        assertEquals("alice", (again.screen as Screen.Accounts).entries.single().info.account)
    }

    @Test
    fun twoAccountsOnTwoServersLiveSideBySide() = TestServer().use { other ->
        val person = activated()
        person.tapLink(other.handOut("bob").link)
        accept(person)
        openCode(person)
        assertTrue(server.accepts("alice", person.digits()))
        person.app.model.toAccounts()
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

    private fun photographed(text: String): String {
        val size = 600
        val drawn = QRCodeWriter().encode(text, BarcodeFormat.QR_CODE, size, size)
        val grey = ByteArray(size * size) { if (drawn[it % size, it / size]) 20 else -20 }
        return Scanner.read(grey, size, size, size)!!
    }
}
