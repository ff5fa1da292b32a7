package dev.symbolon.sdk

import android.content.Context
import android.content.pm.ApplicationInfo
import android.os.Build
import android.os.Debug
import dev.symbolon.ffi.IntegrityProbe
import dev.symbolon.ffi.Signal
import java.io.File
import java.io.IOException

/**
 * Signs of tampering that an app can see. They are hints to honest people: whoever owns the phone decides what an app sees.
 * What a server believes is the attestation of the hardware.
 */
class AndroidProbe(private val context: Context) : IntegrityProbe {
    override fun signals(): List<Signal> = buildList {
        if (SU.any { File(it).exists() }) add(Signal.SU_BINARY)
        if (Build.TAGS?.contains("test-keys") == true) add(Signal.TEST_KEYS)
        if (Debug.isDebuggerConnected() || Debug.waitingForDebugger() || isTraced()) add(Signal.DEBUGGER)
        if (isEmulator()) add(Signal.EMULATOR)
        if (isHooked()) add(Signal.HOOKING_LIBRARY)
        if (isDebuggable()) add(Signal.RESIGNED_APP)
    }

    private fun isTraced(): Boolean =
        lines("/proc/self/status").any { it.startsWith("TracerPid:") && it.removePrefix("TracerPid:").trim() != "0" }

    private fun isHooked(): Boolean = lines("/proc/self/maps").any { line -> HOOKS.any { it in line } }

    private fun isEmulator(): Boolean = Build.HARDWARE in EMULATED || Build.FINGERPRINT.startsWith("generic")

    /** What is shipped is never debuggable; a copy that is was built anew by somebody. */
    private fun isDebuggable(): Boolean = context.applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0

    private fun lines(path: String): List<String> = try {
        File(path).readLines()
    } catch (_: IOException) {
        emptyList()
    }

    private companion object {
        val SU = listOf("/system/bin/su", "/system/xbin/su", "/sbin/su", "/su/bin/su", "/vendor/bin/su", "/data/adb/magisk")
        val HOOKS = listOf("frida-agent", "frida-gadget", "XposedBridge", "liblspd", "libsubstrate")
        val EMULATED = setOf("goldfish", "ranchu", "vbox86")
    }
}
