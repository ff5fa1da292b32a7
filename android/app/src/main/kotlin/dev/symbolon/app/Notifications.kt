package dev.symbolon.app

import android.Manifest
import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.graphics.drawable.Icon
import android.os.Build
import dev.symbolon.ffi.Decision
import java.time.Duration
import java.time.Instant

/** A request that waits for the person, until a time by this phone's clock; [isAnswerable] where a notification may answer it. */
class Waiting(val id: String, val until: Instant, val isAnswerable: Boolean)

/** Says that something waits, and nothing else: anybody may look at a locked screen. */
class Notifications(private val context: Context) {
    private val manager: NotificationManager? = context.getSystemService(NotificationManager::class.java)

    private val isAllowed
        get() = Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU ||
            context.checkSelfPermission(Manifest.permission.POST_NOTIFICATIONS) == PackageManager.PERMISSION_GRANTED

    /** One for each request that waits for the account with this serial number, and none for those that wait no more. */
    fun show(serial: String, waiting: List<Waiting>) {
        val manager = manager ?: return
        val tags = waiting.map { tag(serial, it.id) }
        manager.activeNotifications.mapNotNull { it.tag }.filter { it.startsWith(tag(serial, "")) && it !in tags }
            .forEach { manager.cancel(it, ID) }
        if (!isAllowed || waiting.isEmpty()) return
        val name = context.getString(R.string.asked_channel)
        manager.createNotificationChannel(NotificationChannel(CHANNEL, name, NotificationManager.IMPORTANCE_HIGH))
        waiting.forEach { manager.notify(tag(serial, it.id), ID, notification(serial, it)) }
    }

    /** A request is answered. */
    fun remove(serial: String, id: String) = manager?.cancel(tag(serial, id), ID)

    /** The person looks at the app, which shows all that waits. */
    fun removeAll() = manager?.cancelAll()

    private fun notification(serial: String, waiting: Waiting): Notification {
        val open = Intent(context, MainActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        return Notification.Builder(context, CHANNEL)
            .setSmallIcon(R.drawable.icon)
            .setContentTitle(context.getString(R.string.asked))
            .setContentText(context.getString(R.string.asked_text))
            .setCategory(Notification.CATEGORY_CALL)
            .setVisibility(Notification.VISIBILITY_PUBLIC)
            .setOnlyAlertOnce(true)
            .setAutoCancel(true)
            .setTimeoutAfter(Duration.between(Instant.now(), waiting.until).toMillis().coerceAtLeast(1))
            .setContentIntent(PendingIntent.getActivity(context, 0, open, PendingIntent.FLAG_IMMUTABLE))
            .apply {
                if (waiting.isAnswerable) {
                    addAction(action(R.string.confirm, serial, waiting.id, Decision.CONFIRM))
                    addAction(action(R.string.concern, serial, waiting.id, Decision.CONCERN))
                }
            }
            .build()
    }

    /** Opens the app, for which the phone is unlocked first: by the system for any screen, and where it can be asked for, at the tap. */
    private fun action(text: Int, serial: String, id: String, decision: Decision): Notification.Action {
        val answer = AnswerActivity.intent(context, serial, id, decision)
        val tap = PendingIntent.getActivity(context, 0, answer, PendingIntent.FLAG_IMMUTABLE)
        return Notification.Action.Builder(null as Icon?, context.getString(text), tap)
            .apply { if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) setAuthenticationRequired(true) }
            .build()
    }

    private fun tag(serial: String, id: String) = "$serial/$id"

    private companion object {
        const val CHANNEL = "asked"
        const val ID = 1
    }
}
