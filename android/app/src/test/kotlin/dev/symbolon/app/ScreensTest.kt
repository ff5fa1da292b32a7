package dev.symbolon.app

import android.hardware.biometrics.BiometricPrompt
import dev.symbolon.ffi.MutualPrompt
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.TestServer
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/**
 * Every screen, drawn: light, dark, German, and with text of twice the size. Nothing is cut off. What TalkBack reads of the
 * light ones, and in which order, stands in `talkback.txt`.
 */
class ScreensTest : PhoneTest() {
    private val aloud = StringBuilder()
    private var count = 0

    @Test
    fun light() {
        tour("light")
        File(System.getProperty("symbolon.screenshots"), "../talkback.txt").writeText(aloud.toString())
        assertEquals(File("src/test/resources/talkback.txt").readText(), aloud.toString())
    }

    @Test
    @Config(qualifiers = "+night")
    fun dark() = tour("dark")

    @Test
    @Config(qualifiers = "+de")
    fun german() = tour("german")

    @Test
    fun large() {
        RuntimeEnvironment.setFontScale(2f)
        tour("large")
    }

    private fun tour(kind: String) {
        fun Person.photograph(seen: Int, name: String) {
            sees(seen)
            count++
            photograph("$kind-%02d-$name".format(count))
            aloud.append("$name\n")
            readAloud().forEach { aloud.append("  $it\n") }
        }
        val person = Person()
        person.photograph(R.string.welcome, "welcome")
        person.tap(R.string.add)
        person.photograph(R.string.scan, "add")
        person.tap(R.string.scan)
        person.photograph(R.string.camera_missing, "no-camera")
        person.tap(R.string.type_code)
        person.type(R.string.server, "token.example.org")
        person.type(R.string.serial, "12")
        person.type(R.string.activation_code, "1234")
        person.tap(R.string.go_on)
        person.photograph(R.string.mistyped, "typed")
        person.tapLink("https://example.org/")
        person.photograph(R.string.unreadable, "unreadable")
        activation(kind, person) { seen, name -> person.photograph(seen, name) }
        approvals(person) { seen, name -> person.photograph(seen, name) }
        account(person) { seen, name -> person.photograph(seen, name) }
        biometrics(person) { seen, name -> person.photograph(seen, name) }
        moving(person) { whose, seen, name -> whose.photograph(seen, name) }
        states(person) { whose, seen, name -> whose.photograph(seen, name) }
    }

    private fun activation(kind: String, person: Person, photograph: (Int, String) -> Unit) {
        person.tapLink(server.handOut("alice").link)
        photograph(R.string.proposed, "proposed")
        person.tap(R.string.accept)
        person.sees(R.string.choose_pin)
        person.pin("123456")
        photograph(R.string.pin_run, "choose-pin")
        person.choosePin(PIN)
        person.sees(R.string.accounts)
        val offline = server.handOutOffline("bob").getJSONObject("ticket").getJSONObject("offline")
        val bob = Person(offline.getString("qr"), Phone("bob $kind"))
        bob.sees(R.string.password_text)
        bob.type(R.string.password, offline.getString("password"))
        bob.tap(R.string.go_on)
        bob.sees(R.string.proposed_offline)
        bob.end()
    }

    private fun approvals(person: Person, photograph: (Int, String) -> Unit) {
        server.ask("alice", payment())
        person.sees(PAYMENT)
        photograph(R.string.asked, "accounts")
        person.tap(PAYMENT)
        photograph(R.string.concern, "asked")
        person.tap(R.string.cancel)
        person.sees(R.string.enter_pin)
        person.pin("111111")
        person.sees(R.string.wrong_pin, 4)
        photograph(R.string.enter_pin, "wrong-pin")
        person.pin(PIN)
        person.sees(R.string.cancelled_text)
        person.tap(R.string.ok)
        server.admin("policy", "set", "mutual_challenge=pick")
        val asked = server.ask("alice", payment())
        person.tap(PAYMENT)
        photograph(R.string.pick_value, "pick")
        val choices = (person.model.screen as Screen.Asked).request.mutualChallenge as MutualPrompt.Pick
        person.tap(choices.choices.first { it != asked.getString("mutual_challenge") })
        person.pin(PIN)
        photograph(R.string.value_was_wrong_text, "wrong-value")
        person.tap(R.string.ok)
        person.tapLink(server.askByQr("alice", payment().getJSONObject("transaction")))
        photograph(R.string.offline_asked, "offline-asked")
        person.model.back()
        server.ask("alice", payment("203.0.113.8"))
        person.tap(PAYMENT)
        person.tap(R.string.concern)
        person.pin(PIN)
        photograph(R.string.concern_raised, "concern")
        person.tap(R.string.ok)
        openCode(person)
        person.tap(R.string.history)
        person.sees(PAYMENT)
        photograph(R.string.history, "history")
        person.tap(R.string.ok)
    }

    private fun account(person: Person, photograph: (Int, String) -> Unit) {
        openCode(person)
        photograph(R.string.copy, "code")
        person.tap(R.string.respond)
        photograph(R.string.respond_text, "challenge")
        person.type(R.string.challenge_digits, "12345678")
        person.tap(R.string.go_on)
        photograph(R.string.response_text, "response")
        person.tap(R.string.ok)
        openCode(person)
        person.tap(R.string.settings)
        photograph(R.string.support, "settings")
        person.tap(R.string.remove)
        photograph(R.string.remove_text, "remove")
        person.tap(R.string.keep)
        person.tap("alice")
        person.tap(R.string.forgot_pin)
        photograph(R.string.locked_text, "locked")
        person.model.back()
    }

    private fun biometrics(person: Person, photograph: (Int, String) -> Unit) {
        aFingerIsSetUp()
        openCode(person)
        person.tap(R.string.settings)
        person.tap(R.string.turn_on_biometrics)
        person.pin(PIN)
        finger()
        photograph(R.string.biometrics_on_text, "finger-on")
        person.tap(R.string.ok)
        person.tap("alice")
        prompt().fail(BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED)
        photograph(R.string.use_biometrics, "finger-or-pin")
        person.model.back()
        FakeKeyStore.enrol()
        person.tap("alice")
        photograph(R.string.biometrics_lost, "finger-lost")
        person.pin(PIN)
        photograph(R.string.biometrics_offer, "finger-offered")
        person.model.back()
    }

    private fun moving(person: Person, photograph: (Person, Int, String) -> Unit) {
        openCode(person)
        person.tap(R.string.settings)
        person.tap(R.string.move)
        person.pin(PIN)
        photograph(person, R.string.move_text, "move")
        val new = Person(photographed((person.model.screen as Screen.Moving).ticket.qr), Phone("new"))
        photograph(new, R.string.comparison, "move-compare")
        photograph(person, R.string.move_digits_text, "move-digits")
        new.end()
        person.tap(R.string.cancel)
        person.sees(R.string.accounts)
    }

    private fun states(person: Person, photograph: (Person, Int, String) -> Unit) {
        tampered()
        person.tap("alice")
        photograph(person, R.string.unsecure_text, "unsecure")
        untampered()
        person.tap(R.string.ok)
        person.sees(R.string.accounts)
        val serial = (person.model.screen as Screen.Accounts).entries.single().info.serial
        server.admin("token", "disable", serial)
        person.leaveAndComeBack()
        photograph(person, R.string.not_active, "not-active")
        openCode(person)
        photograph(person, R.string.not_active_text, "code-not-active")
        TestServer(minutes = -10).use { late ->
            val wrong = activated("carol", of = late, phone = Phone("late"))
            openCode(wrong, "carol")
            wrong.sees(R.string.clock_wrong, 10)
            photograph(wrong, R.string.copy, "clock-wrong")
            late.close()
            wrong.tap(R.string.settings)
            wrong.tap(R.string.move)
            wrong.pin(PIN)
            photograph(wrong, R.string.offline, "offline")
            wrong.tap(R.string.ok)
            FakeKeyStore.entries.clear()
            wrong.tap("carol")
            wrong.pin(PIN)
            photograph(wrong, R.string.keys_lost_text, "keys-lost")
            val vault = wrong.phone.files.walk().first { it.name == "vault" }
            vault.writeBytes(vault.readBytes().copyOf(40))
            wrong.die()
            wrong.tap(R.string.damaged)
            photograph(wrong, R.string.damaged_text, "damaged")
            wrong.end()
        }
        val mailed = Person(server.handOut("dora").page, Phone("mailed"))
        photograph(mailed, R.string.code_of_link_text, "code-of-link")
        mailed.end()
    }
}
