package dev.symbolon.sdk

import android.app.Application
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import android.content.pm.ApplicationInfo
import android.content.pm.PackageManager
import android.hardware.biometrics.BiometricManager
import android.hardware.biometrics.BiometricPrompt
import dev.symbolon.ffi.Biometric
import dev.symbolon.ffi.KeyAccess
import dev.symbolon.ffi.KeyProtection
import dev.symbolon.ffi.KeysException
import dev.symbolon.ffi.PushAddress
import dev.symbolon.sdk.UnifiedPush.Received
import dev.symbolon.testing.FakeBiometricPrompt
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.TestServer
import dev.symbolon.testing.pump
import java.io.File
import java.security.Signature
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowBiometricManager
import org.robolectric.shadows.ShadowBuild

/** The SDK on Android's framework, with the real library and a real server. */
@RunWith(RobolectricTestRunner::class)
@Config(shadows = [FakeBiometricPrompt::class])
class SdkTest {
    private val context: Application = RuntimeEnvironment.getApplication()
    private val keys = AndroidKeys(context)

    @Before
    fun aPhoneWithoutKeys() {
        FakeKeyStore.install()
        ShadowBuild.setTags("release-keys")
        context.applicationInfo.run { flags = flags and ApplicationInfo.FLAG_DEBUGGABLE.inv() }
    }

    @Test
    fun theQuickStartLeadsToACodeThatTheServerAccepts() = TestServer().use { server ->
        val link = server.handOut("alice").link
        val code = pump { firstCode(context, link, listOf(8, 3, 7, 1, 9, 4)) }
        assertTrue(server.accepts("alice", code))
        assertTrue(FakeKeyStore.entries.values.all { it.spec.isStrongBoxBacked && it.spec.isUnlockedDeviceRequired })
    }

    @Test
    fun theQuickStartIsTheOneThatTheDocumentationShows() {
        val page = File("../../docs/phones.md").readText().substringAfter("```kotlin\n").substringBefore("```")
        val run = File("src/test/kotlin/dev/symbolon/sdk/QuickStart.kt").readText()
        assertEquals(run.substringAfter("// quick start\n").substringBefore("// end"), page)
    }

    @Test
    fun aDeviceKeySignsAndItsChainHoldsTheChallenge() {
        val challenge = ByteArray(32) { it.toByte() }
        val made = pump { keys.createSigningKey("a.device", challenge) }
        assertEquals(KeyProtection.STRONG_BOX, made.protection)
        assertEquals(65, made.publicKey.size)
        assertArrayEquals(made.publicKey, pump { keys.publicKey("a.device") })
        val chain = pump { keys.attest("a.device", challenge) }!!
        val own = CertificateFactory.getInstance("X.509").generateCertificates(chain.inputStream()).first() as X509Certificate
        assertTrue(own.getExtensionValue("1.3.6.1.4.1.11129.2.1.17").toList().windowed(32).any { it == challenge.toList() })
        val signature = pump { keys.sign("a.device", byteArrayOf(1)) }
        val verifies = Signature.getInstance("SHA256withECDSA").run { initVerify(own); update(1.toByte()); verify(signature) }
        assertTrue(verifies)
        pump { keys.delete("a.device") }
        assertThrows(KeysException.Missing::class.java) { pump { keys.sign("a.device", byteArrayOf(1)) } }
    }

    @Test
    fun withoutAStrongBoxTheTrustedEnvironmentIsAskedAndSoftwareIsNotTakenForHardware() {
        FakeKeyStore.hasStrongBox = false
        // The key store of this test says nothing of itself.
        assertEquals(KeyProtection.SOFTWARE, pump { keys.createSigningKey("a.device", ByteArray(32)) }.protection)
    }

    @Test
    fun whatIsSealedIsOpenedByItsKeyAlone() {
        listOf("a", "b").forEach { pump { keys.createSealingKey(it, KeyAccess.UNLOCKED_DEVICE) } }
        val sealed = pump { keys.seal("a", byteArrayOf(7), null) }
        assertArrayEquals(byteArrayOf(7), pump { keys.open("a", sealed, null) })
        assertThrows(KeysException.NotSealedHere::class.java) { pump { keys.open("b", sealed, null) } }
        assertThrows(KeysException.NotSealedHere::class.java) { pump { keys.open("a", byteArrayOf(1), null) } }
        pump { keys.createPrfKey("p", KeyAccess.UNLOCKED_DEVICE) }
        assertArrayEquals(pump { keys.prf("p", ByteArray(32)) }, pump { keys.prf("p", ByteArray(32)) })
    }

    @Test
    fun aBiometricKeyAsksForEachUseAndIsGoneAfterANewEnrolment() {
        pump { keys.createSealingKey("a", KeyAccess.BIOMETRICS) }
        val yes = { FakeBiometricPrompt.take()?.recognise(); Unit }
        val sealed = pump(yes) { keys.seal("a", byteArrayOf(7), "Turn on") }
        assertArrayEquals(byteArrayOf(7), pump(yes) { keys.open("a", sealed, "Unlock") })
        for ((code, error) in listOf(
            BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED to KeysException.Cancelled::class.java,
            BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT to KeysException.LockedOut::class.java,
            BiometricPrompt.BIOMETRIC_ERROR_HW_UNAVAILABLE to KeysException.Unavailable::class.java,
        )) {
            val no = { FakeBiometricPrompt.take()?.fail(code); Unit }
            assertThrows(error) { pump(no) { keys.open("a", sealed, "Unlock") } }
        }
        // Without the prompt the hardware refuses.
        assertThrows(KeysException.Unavailable::class.java) { pump { keys.open("a", sealed, null) } }
        FakeKeyStore.enrol()
        assertThrows(KeysException.Missing::class.java) { pump(yes) { keys.open("a", sealed, "Unlock") } }
    }

    @Test
    fun onlyStrongBiometricsCountAndEveryKindThatThePhoneHas() {
        val biometrics = AndroidBiometrics(context)
        assertEquals(emptyList<Biometric>(), biometrics.available())
        val manager = context.getSystemService(BiometricManager::class.java)
        Shadow.extract<ShadowBiometricManager>(manager).apply {
            setCanAuthenticate(true)
            setAuthenticatorType(BiometricManager.Authenticators.BIOMETRIC_STRONG)
        }
        shadowOf(context.packageManager).setSystemFeature(PackageManager.FEATURE_FINGERPRINT, true)
        assertEquals(listOf(Biometric.FINGERPRINT), biometrics.available())
        shadowOf(context.packageManager).setSystemFeature(PackageManager.FEATURE_FACE, true)
        assertEquals(listOf(Biometric.FINGERPRINT, Biometric.FACE), biometrics.available())
    }

    @Test
    fun anAddressComesFromTheDistributorOnceAndOnlyWhoKnowsItsSecretIsHeard() {
        val push = UnifiedPush(context)
        val key = ByteArray(65) { 4 }
        assertNull("no distributor", pump { push.address("1", key) })
        val component = ComponentName("org.distributor", "org.distributor.Receiver")
        shadowOf(context.packageManager).addReceiverIfNotPresent(component)
        shadowOf(context.packageManager).addIntentFilterForReceiver(component, IntentFilter("org.unifiedpush.android.distributor.REGISTER"))
        val sent = { action: String -> shadowOf(context).broadcastIntents.filter { it.action == "org.unifiedpush.android.distributor.$action" } }
        val say = { action: String, token: String, endpoint: String? ->
            push.received(Intent("org.unifiedpush.android.connector.$action").putExtra("token", token).putExtra("endpoint", endpoint))
        }
        val answer = { sent("REGISTER").lastOrNull()?.let { say("NEW_ENDPOINT", it.getStringExtra("token")!!, "https://push.example/1") }; Unit }
        val address = pump(answer) { push.address("1", key) } as PushAddress.Web
        assertEquals(listOf(65, 16), listOf(address.p256dh.size, address.auth.size))
        assertEquals("https://push.example/1", address.endpoint)
        // Known from now on, also after a new start.
        assertEquals(address.endpoint, (pump { UnifiedPush(context).address("1", key) } as PushAddress.Web).endpoint)
        assertEquals(1, sent("REGISTER").size)

        val token = sent("REGISTER").single().getStringExtra("token")!!
        assertEquals(Received.WAKE_UP, say("MESSAGE", token, null))
        assertEquals("org.distributor", sent("MESSAGE_ACK").single().`package`)
        for (action in listOf("MESSAGE", "NEW_ENDPOINT", "UNREGISTERED")) assertEquals(Received.NOTHING, say(action, "guessed", "https://evil.example"))
        assertEquals(Received.NEW_ADDRESS, say("NEW_ENDPOINT", token, "https://push.example/2"))
        assertEquals("https://push.example/2", (pump { push.address("1", key) } as PushAddress.Web).endpoint)
        assertEquals(Received.NEW_ADDRESS, say("UNREGISTERED", token, null))
        assertEquals(Received.NOTHING, say("MESSAGE", token, null))
    }
}
