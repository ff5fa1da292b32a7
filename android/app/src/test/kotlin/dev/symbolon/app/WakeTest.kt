package dev.symbolon.app

import android.app.Notification
import android.app.NotificationManager
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import android.Manifest
import dev.symbolon.testing.pump
import dev.symbolon.testing.until
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** A wake-up by the person's distributor says that something waits, and nothing else. */
class WakeTest : PhoneTest() {
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

    @Test
    fun whoIsAskedIsToldSoWithoutAWordOfWhat() {
        shadowOf(app).grantPermissions(Manifest.permission.POST_NOTIFICATIONS)
        val person = activated()
        val token = registered()
        person.leave()

        // Nothing waits, and whoever does not know the secret says nothing.
        say("MESSAGE", token)
        server.ask("alice", payment())
        say("MESSAGE", "a guess")
        assertEquals(emptyList<Notification>(), notifications)

        say("MESSAGE", token)
        until({ "nobody is told" }) { notifications.isNotEmpty() }
        val shown = notifications.single().extras.run { "${getCharSequence(Notification.EXTRA_TITLE)} ${getCharSequence(Notification.EXTRA_TEXT)}" }
        for (secret in listOf("12.50", "Ana", "Shop", "alice")) assertFalse(secret in shown)
        person.comeBack()
        person.sees(PAYMENT)
    }
}
