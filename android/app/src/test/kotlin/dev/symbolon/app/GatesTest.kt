package dev.symbolon.app

import dev.symbolon.testing.pump
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Each gate closes and opens by a policy that changes at the server while the app is in use. */
class GatesTest : PhoneTest() {
    private fun policy(vararg settings: String) = server.admin("policy", "set", *settings)

    @Test
    fun anUnsecurePhoneIsLetInAndShutOut() {
        val person = activated()
        tampered()
        person.tap("alice")
        person.sees(R.string.unsecure_text)
        person.tap(R.string.ok)

        // Whoever was shut out is let in, without having been secure in between.
        policy("allow_unsecure_device=true")
        openCode(person)
        assertTrue(server.accepts("alice", person.digits()))

        // Shut out again without a PIN, once the phone has heard of it.
        val account = (person.model.screen as Screen.Open).entry.account
        // What the app asks by itself while it shows a code is answered first: that answer has the policy of before.
        pump { person.model.learning?.join() }
        policy("allow_unsecure_device=false")
        pump { account.refresh() }
        person.model.toAccounts()
        person.tap("alice")
        person.sees(R.string.unsecure_text)
        person.sees(R.string.signal_test_keys)
    }

    @Test
    fun aPinIsAskedForOnceThePolicyRequiresOneAndALongerOneIsToo() {
        policy("pin_required=false")
        val person = Person(server.handOut("alice").link)
        person.tap(R.string.accept)
        person.sees(R.string.accounts)
        person.tap("alice")
        person.sees(R.string.copy)
        person.model.toAccounts()

        policy("pin_required=true")
        person.tap("alice")
        person.choosePin(PIN)
        person.tap(R.string.ok)
        openCode(person)

        policy("pin_length=8")
        person.model.toAccounts()
        person.tap("alice")
        person.pin(PIN)
        person.choosePin("83719405")
        person.tap(R.string.ok)
        person.tap("alice")
        person.pin("83719405")
        person.sees(R.string.copy)
        assertTrue(server.accepts("alice", person.digits()))
    }

    @Test
    fun withoutAttestationNothingIsApprovedWhereItIsRequired() {
        policy("mutual_challenge=off")
        val person = activated()
        policy("require_attestation=true")
        val refused = server.ask("alice", payment())
        person.tap(PAYMENT)
        person.tap(R.string.confirm)
        person.pin(PIN)
        person.sees(R.string.refused)
        assertEquals("pending", server.status(refused))

        policy("require_attestation=false")
        person.tap(R.string.again)
        person.pin(PIN)
        person.sees(R.string.confirmed_text)
        assertEquals("confirmed", server.status(refused))
    }

    @Test
    fun aValueIsAskedForOnlyWhereThePolicySaysSo() {
        policy("mutual_challenge=off")
        val person = activated()
        val bare = server.ask("alice", payment())
        person.tap(PAYMENT)
        person.tap(R.string.confirm)
        person.pin(PIN)
        person.sees(R.string.confirmed_text)
        assertEquals("confirmed", server.status(bare))
        person.tap(R.string.ok)

        policy("mutual_challenge=enter")
        server.ask("alice", payment())
        person.tap(PAYMENT)
        person.sees(R.string.enter_value)
        person.tap(R.string.confirm)
        // Without the value it goes nowhere.
        person.sees(R.string.enter_value)
    }
}
