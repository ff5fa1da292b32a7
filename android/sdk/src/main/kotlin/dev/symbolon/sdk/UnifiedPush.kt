package dev.symbolon.sdk

import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.util.Base64
import dev.symbolon.ffi.PushAddress
import dev.symbolon.ffi.Wake
import dev.symbolon.ffi.WakeException
import java.io.File
import java.security.KeyPairGenerator
import java.security.SecureRandom
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.concurrent.ConcurrentHashMap
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.json.JSONObject

/**
 * Wake-ups by UnifiedPush: a *distributor*, an app that the person has installed, keeps one connection for all apps.
 *
 * An app has one of these, gives it to [Symbolon.open], and passes on what its receiver of the actions of [ACTIONS] gets. A
 * wake-up says nothing: its content is not even read. So nothing is lost when another app makes one up; it must know the
 * secret of the registration to do even that.
 */
class UnifiedPush(context: Context) : Wake {
    private val context = context.applicationContext
    private val folder = File(context.noBackupFilesDir, "symbolon-push")
    private val waiting = ConcurrentHashMap<String, CompletableDeferred<String>>()

    /** The package of the distributor; `null` when none is installed. The system's first, where there are several. */
    val distributor: String?
        get() = context.packageManager.queryBroadcastReceivers(Intent(REGISTER), 0).map { it.activityInfo.packageName }.distinct().firstOrNull()

    override fun isWebPush() = true

    override suspend fun address(serial: String, webPushKey: ByteArray?): PushAddress? = withContext(Dispatchers.IO) {
        val distributor = distributor ?: return@withContext null
        val vapid = webPushKey?.let(::text) ?: return@withContext null
        // Another distributor, or another key of the server's, takes another registration.
        val known = read(serial)?.takeIf { it.distributor == distributor && it.vapid == vapid }
        val registration = known ?: Registration.generate(distributor, vapid).also { write(serial, it) }
        val endpoint = registration.endpoint ?: register(registration).also { write(serial, registration.copy(endpoint = it)) }
        PushAddress.Web(endpoint, registration.p256dh, registration.auth)
    }

    private suspend fun register(registration: Registration): String {
        val answer = waiting.getOrPut(registration.token) { CompletableDeferred() }
        val own = PendingIntent.getBroadcast(context, 0, Intent().setPackage(context.packageName), PendingIntent.FLAG_IMMUTABLE)
        context.sendBroadcast(
            Intent(REGISTER).setPackage(registration.distributor)
                .putExtra(TOKEN, registration.token)
                .putExtra("application", context.packageName)
                .putExtra("pi", own)
                .putExtra("vapid", registration.vapid),
        )
        return try {
            withTimeout(PATIENCE) { answer.await() }
        } catch (_: TimeoutCancellationException) {
            throw WakeException.Unavailable("${registration.distributor} does not answer")
        } finally {
            waiting.remove(registration.token)
        }
    }

    /** What the app's receiver got. */
    fun received(intent: Intent): Received {
        val token = intent.getStringExtra(TOKEN) ?: return Received.NOTHING
        val (file, registration) = all().firstOrNull { (_, registration) -> registration.token == token } ?: return Received.NOTHING
        return when (intent.action) {
            NEW_ENDPOINT -> {
                val endpoint = intent.getStringExtra("endpoint") ?: return Received.NOTHING
                if (endpoint == registration.endpoint) return Received.NOTHING
                file.writeText(registration.copy(endpoint = endpoint).toJson())
                val isAwaited = waiting[token]?.complete(endpoint) == true
                if (isAwaited) Received.NOTHING else Received.NEW_ADDRESS
            }
            UNREGISTERED -> {
                file.delete()
                Received.NEW_ADDRESS
            }
            REGISTRATION_FAILED -> {
                val reason = intent.getStringExtra("reason") ?: "no reason given"
                waiting[token]?.completeExceptionally(WakeException.Unavailable("${registration.distributor}: $reason"))
                Received.NOTHING
            }
            MESSAGE -> {
                val acknowledged = Intent(MESSAGE_ACK).setPackage(registration.distributor)
                context.sendBroadcast(acknowledged.putExtra(TOKEN, token).putExtra("id", intent.getStringExtra("id")))
                Received.WAKE_UP
            }
            else -> Received.NOTHING
        }
    }

    /** What a broadcast of a distributor means to the app. */
    enum class Received {
        /** Nothing to be done. */
        NOTHING,

        /** The servers are to be told: `renewPushAddresses`. */
        NEW_ADDRESS,

        /** The servers are to be asked: something waits for the person. */
        WAKE_UP,
    }

    private fun file(serial: String) = File(folder, serial)

    private fun read(serial: String) = file(serial).takeIf(File::exists)?.let(Registration::read)

    private fun all() = folder.listFiles().orEmpty().mapNotNull { file -> Registration.read(file)?.let { file to it } }

    private fun write(serial: String, registration: Registration) {
        folder.mkdirs()
        file(serial).writeText(registration.toJson())
    }

    /**
     * One for each account: each server has a key of its own. The private half of [p256dh] is thrown away, since no content
     * is ever read.
     */
    private class Registration(
        val token: String,
        val distributor: String,
        val vapid: String,
        val p256dh: ByteArray,
        val auth: ByteArray,
        val endpoint: String?,
    ) {
        fun copy(endpoint: String?) = Registration(token, distributor, vapid, p256dh, auth, endpoint)

        fun toJson(): String = JSONObject().put("token", token).put("distributor", distributor).put("vapid", vapid)
            .put("p256dh", text(p256dh)).put("auth", text(auth)).putOpt("endpoint", endpoint).toString()

        companion object {
            fun generate(distributor: String, vapid: String): Registration {
                val keys = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }
                return Registration(
                    token = text(random(32)),
                    distributor = distributor,
                    vapid = vapid,
                    p256dh = uncompressed(keys.generateKeyPair().public as ECPublicKey),
                    auth = random(16),
                    endpoint = null,
                )
            }

            fun read(file: File): Registration? = try {
                val json = JSONObject(file.readText())
                val bytes = { name: String -> Base64.decode(json.getString(name), FORM) }
                val endpoint = json.optString("endpoint").ifEmpty { null }
                Registration(json.getString(TOKEN), json.getString("distributor"), json.getString("vapid"), bytes("p256dh"), bytes("auth"), endpoint)
            } catch (_: org.json.JSONException) {
                // Written in part: another one takes its place.
                null
            }
        }
    }

    companion object {
        private const val NEW_ENDPOINT = "org.unifiedpush.android.connector.NEW_ENDPOINT"
        private const val UNREGISTERED = "org.unifiedpush.android.connector.UNREGISTERED"
        private const val REGISTRATION_FAILED = "org.unifiedpush.android.connector.REGISTRATION_FAILED"
        private const val MESSAGE = "org.unifiedpush.android.connector.MESSAGE"
        private const val REGISTER = "org.unifiedpush.android.distributor.REGISTER"
        private const val MESSAGE_ACK = "org.unifiedpush.android.distributor.MESSAGE_ACK"
        private const val TOKEN = "token"
        private const val PATIENCE = 30_000L
        private const val FORM = Base64.URL_SAFE or Base64.NO_PADDING or Base64.NO_WRAP

        /** What the app's receiver is to be declared for, in its manifest. */
        val ACTIONS = listOf(NEW_ENDPOINT, UNREGISTERED, REGISTRATION_FAILED, MESSAGE)

        private fun text(bytes: ByteArray): String = Base64.encodeToString(bytes, FORM)

        private fun random(size: Int) = ByteArray(size).also(SecureRandom()::nextBytes)
    }
}
