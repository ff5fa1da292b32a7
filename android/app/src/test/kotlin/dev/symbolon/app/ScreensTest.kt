package dev.symbolon.app

import android.content.pm.ApplicationInfo
import dev.symbolon.testing.FakeBiometricPrompt
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.TestServer
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowBuild

private const val PIN = "837194"

/** The screens, drawn: light, dark, German, and with text of twice the size. Nothing is cut off. */
@RunWith(RobolectricTestRunner::class)
@Config(shadows = [FakeBiometricPrompt::class])
class ScreensTest {
    @Before
    fun aPhone() {
        FakeKeyStore.install()
        ShadowBuild.setTags("release-keys")
        RuntimeEnvironment.getApplication().applicationInfo.run { flags = flags and ApplicationInfo.FLAG_DEBUGGABLE.inv() }
    }

    @Test
    fun light() = tour("light")

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

    private fun tour(kind: String) = TestServer().use { server ->
        val person = Person()
        fun photograph(name: String) = person.photograph("$kind-$name")
        person.sees(R.string.welcome)
        photograph("01-welcome")
        person.tap(R.string.add)
        person.sees(R.string.scan)
        photograph("02-add")
        person.tap(R.string.type_code)
        person.sees(R.string.go_on)
        photograph("03-typed")
        person.tapLink(server.handOut("alice").link)
        person.sees(R.string.proposed)
        photograph("04-proposed")
        person.tap(R.string.accept)
        person.sees(R.string.choose_pin)
        person.pin("123456")
        person.sees(R.string.pin_run)
        photograph("05-pin")
        person.choosePin(PIN)
        person.sees(R.string.accounts)
        val details = JSONArray().put(JSONObject().put("name", "To").put("value", "ES91 2100 0418 4502 0005 1332"))
            .put(JSONObject().put("name", "Amount").put("value", "12.50 EUR"))
        val payment = JSONObject().put("transaction", JSONObject().put("summary", "Pay 12.50 EUR to Ana Gómez").put("details", details))
        server.ask("alice", payment.put("context", JSONObject().put("address", "203.0.113.7").put("place", "Madrid")))
        person.sees("Pay 12.50 EUR to Ana Gómez")
        photograph("06-accounts")
        person.tap("Pay 12.50 EUR to Ana Gómez")
        person.sees(R.string.concern)
        photograph("07-asked")
        person.tap(R.string.concern)
        person.pin(PIN)
        person.sees(R.string.concern_raised)
        photograph("08-concern")
        person.tap(R.string.ok)
        person.tap(R.string.history)
        person.sees(R.string.history_text)
        photograph("09-history")
        person.tap(R.string.ok)
        person.tap("alice")
        person.pin(PIN)
        person.sees(R.string.copy)
        photograph("10-code")
        person.tap(R.string.settings)
        person.sees(R.string.support)
        photograph("11-settings")
        person.tap(R.string.move)
        person.pin(PIN)
        person.sees(R.string.move_text)
        photograph("12-move")
        person.app.model.back()
        person.sees(R.string.accounts)
        ShadowBuild.setTags("test-keys")
        person.tap("alice")
        person.sees(R.string.unsecure_text)
        photograph("13-unsecure")
    }
}
