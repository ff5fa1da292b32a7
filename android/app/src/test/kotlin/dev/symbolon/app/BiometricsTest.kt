package dev.symbolon.app

import android.content.pm.PackageManager
import android.hardware.biometrics.BiometricPrompt
import dev.symbolon.testing.FakeKeyStore
import dev.symbolon.testing.until
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test

/** A finger or face in the PIN's place, and when it is none. */
class BiometricsTest : PhoneTest() {
    @Before
    fun aPhoneThatKnowsAFinger() = aFingerIsSetUp()

    private fun settings(person: Person) {
        openCode(person)
        person.tap(R.string.settings)
        person.sees(R.string.support)
    }

    private fun turnedOn(): Person {
        val person = activated()
        settings(person)
        person.tap(R.string.turn_on_biometrics)
        person.pin(PIN)
        finger()
        person.sees(R.string.biometrics_on_text)
        person.tap(R.string.ok)
        person.sees(R.string.accounts)
        return person
    }

    @Test
    fun aFingerOpensAndApprovesAndIsTurnedOff() {
        val person = turnedOn()
        person.tap("alice")
        finger()
        person.sees(R.string.copy)
        assertTrue(server.accepts("alice", person.digits()))
        person.model.toAccounts()

        val asked = server.ask("alice", payment())
        person.tap(PAYMENT)
        person.type(R.string.enter_value, asked.getString("mutual_challenge"))
        person.tap(R.string.confirm)
        finger()
        person.sees(R.string.confirmed_text)
        assertEquals("confirmed", server.status(asked))
        person.tap(R.string.ok)

        // Another PIN takes the one of now: a finger is not asked for.
        person.tap("alice")
        finger()
        person.tap(R.string.settings)
        person.tap(R.string.change_pin)
        person.sees(R.string.enter_pin)
        assertFalse(person.activity.getString(R.string.use_biometrics) in person.words())
        person.model.back()

        person.tap("alice")
        finger()
        person.tap(R.string.settings)
        person.tap(R.string.turn_off_biometrics)
        finger()
        person.sees(R.string.biometrics_off_text)
        person.tap(R.string.ok)
        openCode(person)
    }

    @Test
    fun whoeverSaysNoOrIsNotRecognisedTypesThePin() {
        val person = turnedOn()
        for ((code, seen) in listOf(
            BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED to R.string.enter_pin,
            BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT to R.string.biometrics_locked,
        )) {
            person.tap("alice")
            prompt().fail(code)
            person.sees(seen)
            person.pin(PIN)
            person.sees(R.string.copy)
            person.model.toAccounts()
        }
        // Asked for anew by the person.
        person.tap("alice")
        prompt().fail(BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED)
        person.tap(R.string.use_biometrics)
        finger()
        person.sees(R.string.copy)
    }

    @Test
    fun aNewFingerEndsItAndThePinTurnsItOnAgain() {
        val person = turnedOn()
        FakeKeyStore.enrol()
        person.tap("alice")
        person.sees(R.string.biometrics_lost)
        assertFalse(person.activity.getString(R.string.use_biometrics) in person.words())
        person.pin(PIN)
        person.sees(R.string.biometrics_offer)
        person.tap(R.string.turn_on_biometrics)
        finger()
        person.sees(R.string.biometrics_on_text)
        person.tap(R.string.ok)
        person.tap("alice")
        finger()
        person.sees(R.string.copy)
    }

    @Test
    fun whereThePolicyAllowsNoneOrNoFaceTheAppSaysWhy() {
        val person = turnedOn()
        person.tap("alice")
        finger()
        person.sees(R.string.copy)
        server.admin("policy", "set", "device_biometrics_allowed=false")
        person.model.wokenUp({ _, _ -> }, {})
        // Learnt while the code is shown: what was opened so closes.
        person.sees(R.string.biometrics_by_policy)
        person.tap(R.string.ok)
        settings(person)
        person.sees(R.string.biometrics_by_policy)
        person.model.back()

        server.admin("policy", "set", "device_biometrics_allowed=true")
        has(PackageManager.FEATURE_FACE)
        learnt(person)
        settings(person)
        person.sees(R.string.biometrics_face)
        person.model.back()

        server.admin("policy", "set", "facial_recognition_allowed=true")
        learnt(person)
        settings(person)
        person.sees(R.string.turn_on_biometrics)
    }

    /** Opens the account once more, which asks the server for its policy. */
    private fun learnt(person: Person) {
        openCode(person)
        val account = (person.model.screen as Screen.Open).entry.account
        val before = account.status().lastContact
        until({ "the server was not asked" }) { account.status().lastContact != before }
        person.model.toAccounts()
        person.sees(R.string.accounts)
    }
}
