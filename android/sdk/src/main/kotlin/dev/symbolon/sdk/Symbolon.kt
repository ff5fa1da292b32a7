package dev.symbolon.sdk

import android.content.Context
import android.os.Build
import dev.symbolon.ffi.DeviceInfo
import dev.symbolon.ffi.Platform
import dev.symbolon.ffi.SoftToken
import dev.symbolon.ffi.Wake
import java.io.File

/** The soft token of an app. */
object Symbolon {
    /**
     * Opens the accounts of this app. An app opens them once, and keeps what it gets.
     *
     * They lie in the app's private files that no backup takes; their keys are in the Keystore. [app] is the app's name and
     * version, which the server is told. [wake] is the push service that wakes the phone: [UnifiedPush], or one of the app's own
     * over Google's library.
     */
    suspend fun open(context: Context, app: String, wake: Wake? = null): SoftToken {
        val folder = File(context.noBackupFilesDir, "symbolon")
        return SoftToken.open(folder.path, platform(context.applicationContext, app, wake))
    }

    private fun platform(context: Context, app: String, wake: Wake?) = Platform(
        keys = AndroidKeys(context),
        authentication = AndroidBiometrics(context),
        integrity = AndroidProbe(context),
        device = DeviceInfo("android", "${Build.MANUFACTURER} ${Build.MODEL}", app),
        wake = wake,
    )
}
