package dev.symbolon.app

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import dev.symbolon.sdk.UnifiedPush.Received

/** What the person's distributor says: that this phone has another address, or that something waits for the person. */
class WakeReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val app = context.applicationContext as App
        when (app.push.received(intent)) {
            Received.NOTHING -> Unit
            Received.NEW_ADDRESS -> app.model.tellAddress(afterwards(goAsync()))
            Received.WAKE_UP -> app.model.wokenUp(Notifications(app)::show, afterwards(goAsync()))
        }
    }

    // A test calls without a broadcast.
    private fun afterwards(broadcast: PendingResult?): () -> Unit = { broadcast?.finish() }
}
