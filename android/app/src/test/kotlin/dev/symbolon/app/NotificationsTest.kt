package dev.symbolon.app

import android.app.Notification
import android.app.NotificationManager
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import android.Manifest
import dev.symbolon.ffi.Decision
import dev.symbolon.testing.pump
import dev.symbolon.testing.until
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/**
 * A wake-up by the person's distributor says that something waits, and nothing else; where the policy allows it, the
 * notification is answered, which leads past the same gates as an answer on the screen.
 */
class NotificationsTest : PhoneTest() {
    private val app get() = RuntimeEnvironment.getApplication() as App
    private val notifications get() = shadowOf(app.getSystemService(NotificationManager::class.java)).allNotifications

    /** A distributor that gives an address; answers with the secret of the registration. */
    private fun registered(): String {
        val component = ComponentName("org.distributor", "org.distributor.Receiver")
        shadowOf(app.packageManager).addReceiverIfNotPresent(component)
        shadowOf(app.packageManager).addIntentFilterForReceiver(component, IntentFilter("org.unifiedpush.android.distributor.REGISTER"))
        var token: String? = null
        val answer = {
            val asked = shadowOf(app).broadcastIntents.lastOrNull { it.action == "org.unifiedpush.android.distributor.REGISTER" }
            if (asked != null && token == null) {
                token = asked.getStringExtra("token")
                say("NEW_ENDPOINT", token!!) { putExtra("endpoint", "https://push.example/1") }
            }
        }
        pump(answer) { app.push.address("12345-67890", ByteArray(65) { 4 }) }
        return token!!
    }

    private fun say(action: String, token: String, more: Intent.() -> Unit = {}) =
        WakeReceiver().onReceive(app, Intent("org.unifiedpush.android.connector.$action").putExtra("token", token).apply(more))

    /** A person whose phone can be woken and may say so, and who looks at something else; with the secret of the registration. */
    private fun away(): Pair<Person, String> {
        shadowOf(app).grantPermissions(Manifest.permission.POST_NOTIFICATIONS)
        val person = activated()
        val token = registered()
        person.leave()
        return person to token
    }

    /** The one notification that a wake-up leads to, once it is as it should be. */
    private fun told(token: String, isAnswerable: Boolean): Notification {
        say("MESSAGE", token)
        until({ "nobody is told" }) { notifications.isNotEmpty() && notifications.single().actions.isNullOrEmpty() != isAnswerable }
        return notifications.single()
    }

    /** Taps an action, which leads to the app. */
    private fun tap(person: Person, notification: Notification, text: Int) {
        val action = notification.actions.single { it.title == app.getString(text) }
        val answer = Robolectric.buildActivity(AnswerActivity::class.java, shadowOf(action.actionIntent).savedIntent).create().get()
        assertEquals(MainActivity::class.java.name, shadowOf(answer).nextStartedActivity.component!!.className)
        assertTrue(answer.isFinishing)
        person.comeBack()
    }

    @Test
    fun whoIsAskedIsToldSoWithoutAWordOfWhat() {
        val (person, token) = away()
        // Nothing waits, and whoever does not know the secret says nothing.
        say("MESSAGE", token)
        server.ask("alice", payment())
        say("MESSAGE", "a guess")
        assertEquals(emptyList<Notification>(), notifications)

        for (isAnswerable in listOf(false, true)) {
            server.admin("policy", "set", "actionable_notifications=$isAnswerable")
            val told = told(token, isAnswerable)
            val words = told.extras.run { listOf(getCharSequence(Notification.EXTRA_TITLE), getCharSequence(Notification.EXTRA_TEXT)) }
            val shown = (words + told.actions.orEmpty().map { it.title } + told.tickerText).joinToString()
            for (secret in listOf("12.50", "Ana", "Shop", "alice")) assertFalse(secret in shown)
            // Nobody else can change where a tap leads, and a tap unlocks the phone first.
            for (tap in told.actions.orEmpty().map { it.actionIntent } + told.contentIntent) {
                assertTrue(shadowOf(tap).isActivity && shadowOf(tap).isImmutable)
                assertEquals(app.packageName, shadowOf(tap).savedIntent.component!!.packageName)
            }
            assertTrue(told.actions.orEmpty().all { it.isAuthenticationRequired })
        }
        person.comeBack()
        person.sees(PAYMENT)
        assertEquals(emptyList<Notification>(), notifications)
    }

    @Test
    fun whereThePolicyAllowsItATapDecidesAndTheGateComesFirst() {
        server.admin("policy", "set", "mutual_challenge=off", "actionable_notifications=true")
        val (person, token) = away()
        for ((action, status) in listOf(R.string.confirm to "confirmed", R.string.concern to "concern")) {
            val asked = server.ask("alice", payment())
            tap(person, told(token, isAnswerable = true), action)
            assertEquals(emptyList<Notification>(), notifications)
            person.sees(R.string.enter_pin)
            person.pin("111111")
            person.sees(R.string.wrong_pin, 4)
            assertEquals("pending", server.status(asked))
            person.pin(PIN)
            person.sees(R.string.ok)
            assertEquals(status, server.status(asked))
            person.leave()
        }
    }

    @Test
    fun aValueIsMatchedOnTheScreenAndAPolicyThatForbidsTheTapMeanwhileTakesItAway() {
        server.admin("policy", "set", "mutual_challenge=enter", "actionable_notifications=true")
        val (person, token) = away()
        val asked = server.ask("alice", payment())
        tap(person, told(token, isAnswerable = true), R.string.confirm)
        person.sees(PAYMENT)
        person.type(R.string.enter_value, asked.getString("mutual_challenge"))
        person.leave()

        val told = told(token, isAnswerable = true)
        server.admin("policy", "set", "actionable_notifications=false")
        tap(person, told, R.string.concern)
        person.sees(PAYMENT)
        person.sees(R.string.concern)
        assertEquals("pending", server.status(asked))
        person.tap(R.string.concern)
        person.pin(PIN)
        person.sees(R.string.concern_raised_text)
        assertEquals("concern", server.status(asked))
    }

    @Test
    fun whatHasEndedIsTakenAwayAndATapThatComesTooLateIsToldSo() {
        server.admin("policy", "set", "mutual_challenge=off", "actionable_notifications=true")
        val (person, token) = away()
        val first = server.ask("alice", payment())
        val told = told(token, isAnswerable = true)
        server.withdraw(first)
        say("MESSAGE", token)
        until({ "it is shown still" }) { notifications.isEmpty() }
        tap(person, told, R.string.confirm)
        person.sees(R.string.not_confirmed_text)
        person.leave()

        // The process that showed it is gone by the time that it is tapped.
        val second = server.ask("alice", payment())
        val shown = told(token, isAnswerable = true)
        person.die()
        person.leave()
        tap(person, shown, R.string.confirm)
        person.pin(PIN)
        person.sees(R.string.confirmed_text)
        assertEquals("confirmed", server.status(second))
    }

    @Test
    fun noOtherAppCanMakeUpADecision() {
        val info = app.packageManager.getActivityInfo(ComponentName(app, AnswerActivity::class.java), 0)
        assertFalse(info.exported)
        val person = activated()
        val asked = server.ask("alice", payment())
        person.sees(PAYMENT)
        val serial = (person.model.screen as Screen.Accounts).entries.single().info.serial
        // The window is open to others, and takes links alone.
        person.opened(AnswerActivity.intent(app, serial, asked.getString("id"), Decision.CONFIRM).setClass(app, MainActivity::class.java))
        person.sees(R.string.accounts)
        assertEquals("pending", server.status(asked))
    }
}
