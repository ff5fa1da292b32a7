package dev.symbolon.app

import android.Manifest
import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.os.Build
import dev.symbolon.sdk.UnifiedPush.Received

/** What the person's distributor says: that this phone has another address, or that something waits for the person. */
class WakeReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val app = context.applicationContext as App
        when (app.push.received(intent)) {
            Received.NOTHING -> Unit
            Received.NEW_ADDRESS -> app.model.tellAddress(afterwards(goAsync()))
            Received.WAKE_UP -> app.model.wokenUp(
                { if (it) notify(app) },
                afterwards(goAsync()),
            )
        }
    }

    // A test calls without a broadcast.
    private fun afterwards(broadcast: PendingResult?): () -> Unit = { broadcast?.finish() }

    /** Says that something waits, and nothing else: anybody may look at a locked screen. */
    private fun notify(context: Context) {
        val isAllowed = Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU ||
            context.checkSelfPermission(Manifest.permission.POST_NOTIFICATIONS) == PackageManager.PERMISSION_GRANTED
        val notifications = context.getSystemService(NotificationManager::class.java)
        if (!isAllowed || notifications == null) return
        val name = context.getString(R.string.asked_channel)
        notifications.createNotificationChannel(NotificationChannel(CHANNEL, name, NotificationManager.IMPORTANCE_HIGH))
        val open = Intent(context, MainActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        notifications.notify(
            1,
            Notification.Builder(context, CHANNEL)
                .setSmallIcon(R.drawable.icon)
                .setContentTitle(context.getString(R.string.asked))
                .setContentText(context.getString(R.string.asked_text))
                .setCategory(Notification.CATEGORY_CALL)
                .setVisibility(Notification.VISIBILITY_PUBLIC)
                .setAutoCancel(true)
                .setTimeoutAfter(TIMEOUT)
                .setContentIntent(PendingIntent.getActivity(context, 0, open, PendingIntent.FLAG_IMMUTABLE))
                .build(),
        )
    }

    private companion object {
        const val CHANNEL = "asked"

        /** As long as an approval may wait at most. */
        const val TIMEOUT = 3_600_000L
    }
}
