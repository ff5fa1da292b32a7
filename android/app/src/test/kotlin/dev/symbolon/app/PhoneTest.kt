package dev.symbolon.app

import android.content.pm.ApplicationInfo
import android.content.pm.PackageManager
import android.hardware.biometrics.BiometricManager
import com.google.zxing.BarcodeFormat
import com.google.zxing.qrcode.QRCodeWriter
import dev.symbolon.ffi.QrCode
import dev.symbolon.testing.FakeBiometricPrompt
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.TestServer
import dev.symbolon.testing.until
import org.json.JSONArray
import org.json.JSONObject
import org.junit.After
import org.junit.Before
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowBiometricManager
import org.robolectric.shadows.ShadowBuild
import kotlin.math.cos
import kotlin.math.sin

/** On Android's framework, with the real library and a real server. */
@RunWith(RobolectricTestRunner::class)
@Config(shadows = [FakeBiometricPrompt::class])
abstract class PhoneTest {
    protected val server = TestServer()

    @Before
    fun aPhone() {
        FakeKeyStore.install()
        untampered()
        RuntimeEnvironment.getApplication().applicationInfo.run { flags = flags and ApplicationInfo.FLAG_DEBUGGABLE.inv() }
    }

    @After
    fun end() = server.close()

    protected fun untampered() = ShadowBuild.setTags("release-keys")

    protected fun tampered() = ShadowBuild.setTags("test-keys")

    protected fun activated(user: String = "alice", of: TestServer = server, phone: Phone = Phone()): Person {
        val person = Person(of.handOut(user).link, phone)
        accept(person)
        return person
    }

    protected fun accept(person: Person) {
        person.sees(R.string.proposed)
        person.tap(R.string.accept)
        person.choosePin(PIN)
        person.sees(R.string.accounts)
    }

    protected fun openCode(person: Person, user: String = "alice") {
        person.tap(user)
        person.pin(PIN)
        person.sees(R.string.copy)
    }

    /** From an address each: after a wrong value or a concern the server lets nothing more through from there for a while. */
    protected fun payment(address: String = "203.0.113.7"): JSONObject {
        val details = JSONArray().put(JSONObject().put("name", "To").put("value", "ES91 2100 0418 4502 0005 1332"))
            .put(JSONObject().put("name", "Amount").put("value", "12.50 EUR"))
        return JSONObject().put("transaction", JSONObject().put("summary", PAYMENT).put("details", details))
            .put("context", JSONObject().put("address", address).put("place", "Madrid"))
    }

    protected fun aFingerIsSetUp() {
        val manager = RuntimeEnvironment.getApplication().getSystemService(BiometricManager::class.java)
        Shadow.extract<ShadowBiometricManager>(manager).apply {
            setCanAuthenticate(true)
            setAuthenticatorType(BiometricManager.Authenticators.BIOMETRIC_STRONG)
        }
        has(PackageManager.FEATURE_FINGERPRINT)
    }

    protected fun has(feature: String) =
        shadowOf(RuntimeEnvironment.getApplication().packageManager).setSystemFeature(feature, true)

    /** Waits for the system's prompt. */
    protected fun prompt(): FakeBiometricPrompt.Shown {
        var shown: FakeBiometricPrompt.Shown? = null
        until({ "the system does not ask" }) { FakeBiometricPrompt.take()?.also { shown = it } != null }
        return shown!!
    }

    protected fun finger() = prompt().recognise()

    /** What a camera sees of a text's QR. */
    protected fun photographed(text: String): String {
        val drawn = QRCodeWriter().encode(text, BarcodeFormat.QR_CODE, SIZE, SIZE)
        return read { x, y -> drawn[x, y] }
    }

    /** What a camera sees of a QR on another phone's screen. */
    protected fun photographed(qr: QrCode): String {
        val (margin, count) = 4 to qr.width.toInt()
        val side = SIZE / (count + 2 * margin)
        return read { x, y ->
            val (column, row) = x / side - margin to y / side - margin
            column in 0 until count && row in 0 until count && qr.squares[row * count + column] == 1.toByte()
        }
    }

    /** A hand is not still: the code lies otherwise in each picture, and the app looks at one after the other. */
    private fun read(isDark: (Int, Int) -> Boolean): String {
        val seen = (0..12).firstNotNullOfOrNull { Scanner.read(turned(Math.toRadians(3.0 * it), isDark), SIZE, SIZE, SIZE) }
        return checkNotNull(seen) { "the camera does not see it" }
    }

    private fun turned(angle: Double, isDark: (Int, Int) -> Boolean) = ByteArray(SIZE * SIZE) {
        val (x, y) = it % SIZE - SIZE / 2 to it / SIZE - SIZE / 2
        // Farther away, so that its corners stay in the picture.
        val column = ((x * cos(angle) + y * sin(angle)) * 1.3).toInt() + SIZE / 2
        val row = ((y * cos(angle) - x * sin(angle)) * 1.3).toInt() + SIZE / 2
        if (column in 0 until SIZE && row in 0 until SIZE && isDark(column, row)) 20 else -20
    }

    protected companion object {
        const val PIN = "837194"
        const val PAYMENT = "Pay 12.50 EUR to Ana Gómez"
        private const val SIZE = 600
    }
}
